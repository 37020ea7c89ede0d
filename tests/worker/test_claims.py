"""A start whose shard ends at once claims shards that no other job has; each is computed once."""

from __future__ import annotations

import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import toy

from hpcml.commands import work as work_module
from hpcml.commands.efficiency import efficiency
from hpcml.commands.work import work
from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import EXIT_DONE
from hpcml.worker.assignment import ShardRequest
from hpcml.worker.claims import Claims

UNITS, SHARDS = 48, 12


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    folder = tmp_path / "claims"
    folder.mkdir()
    return folder


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "toy.log"
    monkeypatch.setenv("TOY_LOG", str(path))
    return path


@pytest.fixture(autouse=True)
def slow_machines_count_as_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_module, "QUICK_SECONDS", 600.0)
    monkeypatch.setattr(work_module, "CLAIMING_SECONDS", 600.0)


def planned(folder: Path) -> OpenCampaign:
    step = toy.step(parameters={"n": UNITS})
    return toy.planned(folder, step, resources={"shards": SHARDS})


def start(opened: OpenCampaign, shard: int, claims: Path | None) -> int:
    """What rank.sh does: note that the shard is claimed, then work."""
    if claims:
        (claims / str(shard)).write_text(f"{shard}\n")
    return work(ShardRequest(opened.root, "toy", shard, claims=claims))


def times(log: Path) -> set[int]:
    """How often units were computed."""
    return set(Counter(line.key for line in toy.said(log, "end")).values())


def test_one_start_computes_every_shard_that_no_job_has_claimed(
    tmp_path: Path, claims: Path, log: Path
) -> None:
    opened = planned(tmp_path / "a")
    (claims / "5").write_text("5\n")  # at work elsewhere
    assert start(opened, 0, claims) == EXIT_DONE
    done = {path.name for path in claims.glob("*.done")}
    assert done == {f"{shard}.done" for shard in range(SHARDS) if shard not in (0, 5)}
    assert len(toy.done_units(opened)) == UNITS - UNITS // SHARDS
    assert start(opened, 5, claims) == EXIT_DONE
    assert times(log) == {1}
    reference = toy.computed(tmp_path / "b", toy.step(parameters={"n": UNITS}))
    assert toy.merge_here(opened) == toy.merge_here(reference)


def test_without_the_folder_a_start_computes_its_own_shard_only(tmp_path: Path) -> None:
    opened = planned(tmp_path)
    assert start(opened, 0, None) == EXIT_DONE
    assert len(toy.done_units(opened)) == UNITS // SHARDS


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    opened = planned(tmp_path)
    assert work(ShardRequest(opened.root, "toy", 0, claims=tmp_path / "nowhere")) == EXIT_DONE
    assert len(toy.done_units(opened)) == UNITS // SHARDS


def test_a_shard_that_takes_longer_takes_nothing_along(
    tmp_path: Path, claims: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_module, "QUICK_SECONDS", 0.0)
    opened = planned(tmp_path)
    assert start(opened, 0, claims) == EXIT_DONE
    assert len(toy.done_units(opened)) == UNITS // SHARDS


def test_taking_along_ends_after_a_while(
    tmp_path: Path, claims: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_module, "CLAIMING_SECONDS", 0.0)
    opened = planned(tmp_path)
    assert start(opened, 0, claims) == EXIT_DONE
    assert not list(claims.glob("*.done"))


def test_a_shard_that_fails_is_left_to_its_own_job(
    tmp_path: Path, claims: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = planned(tmp_path)
    last = opened.step("toy").units().key(UNITS - 1)
    monkeypatch.setenv("TOY_FAIL", last)
    assert start(opened, 0, claims) == EXIT_DONE, "its own shard is done"
    assert not (claims / f"{SHARDS - 1}.done").exists()
    assert last not in toy.done_units(opened)
    assert not list(claims.glob("*.done")), "it stops at the first that fails"


def test_the_journal_says_which_job_computed_it_and_what_it_cost(tmp_path: Path, claims: Path) -> None:
    opened = planned(tmp_path)
    assert start(opened, 3, claims) == EXIT_DONE
    started = History.read(opened.layout.journal).of("shard-started")
    assert {word["shard"] for word in started} == set(range(SHARDS))
    assert all(word.get("claimed_by", 3) == 3 for word in started)
    assert [word["shard"] for word in started if "claimed_by" not in word] == [3]
    (cost,) = efficiency(opened, History.read(opened.layout.journal))
    ended = History.read(opened.layout.journal).of("shard-done")
    # one process: its seconds are shared out over its shards, not told once a shard
    assert cost.cpu == pytest.approx(sum(word["cpu_seconds"] for word in ended))
    assert sum(word["wall_seconds"] for word in ended[1:]) < 60


@pytest.mark.mpi
@pytest.mark.slow
@pytest.mark.parametrize("name", ["serial", "openmpi", "mpich"])
def test_two_starts_at_once_share_the_shards(tmp_path: Path, claims: Path, log: Path, name: str) -> None:
    mpi = toy.launcher(name)
    opened = planned(tmp_path / "a")
    words = [*mpi.words(2), "work", str(opened.root), "--step", "toy", "--claims", str(claims), "--shard"]
    for shard in (0, 1):
        (claims / str(shard)).write_text(f"{shard}\n")
    starts = [subprocess.Popen([*words, str(shard)], text=True) for shard in (0, 1)]
    assert [process.wait(toy.LIMIT) for process in starts] == [0, 0]
    for shard in range(SHARDS):  # on a slow machine some are left
        if not (claims / str(shard)).exists():
            assert start(opened, shard, claims) == EXIT_DONE
    assert len(toy.done_units(opened)) == UNITS
    assert times(log) == {1}
    reference = toy.computed(tmp_path / "b", toy.step(parameters={"n": UNITS}))
    assert toy.merge_here(opened) == toy.merge_here(reference)


def test_no_job_claims_what_another_has_claimed(claims: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda mine: Claims(claims, mine).claim(100), range(120)))
    assert sorted(shard for shard in taken if shard is not None) == list(range(100))
    assert taken.count(None) == 20
