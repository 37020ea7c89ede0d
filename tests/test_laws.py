"""Law 1 and law 2 on real workers: equal digests however it was made, every unit exactly once.

Shards, ranks, MPIs, interruptions, extension.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import toy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpcml.directory.opened import OpenCampaign


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of the toy campaign computed by one process in one shard."""
    opened = toy.computed(tmp_path_factory.mktemp("reference"))
    return toy.merge_here(opened)


def digests_of(
    folder: Path, by: toy.Launcher, *, ranks: int, shards: int, workload: str = "Toy", **variables: object
) -> dict[str, str]:
    """Compute the toy campaign with that many ranks and shards; each unit exactly once."""
    log = folder / "toy.log"
    opened = toy.planned(folder, toy.step(workload=workload, resources={"shards": shards}))
    for shard in range(shards):
        ended = toy.hpcml(
            "work", opened.root, "--step", "toy", "--shard", str(shard), "--ranks", str(ranks),
            by=by, ranks=ranks, TOY_LOG=log, **variables,
        )  # fmt: skip
        assert ended.code == 0, ended.stderr
    counts = Counter(line.key for line in toy.said(log, "end"))
    assert set(counts.values()) == {1} and len(counts) == 24
    if ranks > 1:
        assert len({line.pid for line in toy.said(log, "end")}) > 1, "one rank did it all"
    digests = toy.merge_here(opened)
    assert digests == {key.partition("/")[2]: value for key, value in toy.verified(opened).items()}
    return digests


# ---------------------------------------------------------------- law 1


@pytest.mark.parametrize("shards", [1, 3, 17])
def test_digest_does_not_depend_on_the_shards(tmp_path: Path, reference: dict[str, str], shards: int) -> None:
    opened = toy.planned(tmp_path, toy.step(resources={"shards": shards}))
    for shard in range(shards):
        assert toy.work_here(opened, shard=shard) == 0
    assert len(toy.parts(opened)) == shards
    assert toy.merge_here(opened) == reference


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_digest_does_not_depend_on_ranks_or_the_mpi(
    tmp_path: Path, launcher: toy.Launcher, reference: dict[str, str], ranks: int
) -> None:
    if launcher.name == "serial" and ranks > 1:
        ranks = 1  # the same body without MPI: one process
    shards = {1: 1, 2: 3, 4: 1}[ranks]
    made = digests_of(tmp_path, launcher, ranks=ranks, shards=shards, TOY_SLEEP=0.005)
    assert made == reference


def test_a_workload_that_depends_on_its_rank_fails_the_digest_test(tmp_path: Path, mpi: toy.Launcher) -> None:
    options: dict[str, Any] = {"shards": 1, "workload": "RankDependent", "TOY_SLEEP": 0.005}
    alone = digests_of(tmp_path / "alone", mpi, ranks=1, **options)
    together = digests_of(tmp_path / "together", mpi, ranks=2, **options)
    assert alone["samples"] == together["samples"]
    assert alone["least"] != together["least"]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shards=st.integers(1, 30),
    order=st.randoms(use_true_random=False),
    seal_bytes=st.sampled_from([1, 300, 1 << 20]),
    write_seconds=st.sampled_from([0.0, 0.05]),
)
def test_digest_does_not_depend_on_order_or_on_where_parts_end(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, reference: dict[str, str],
    shards: int, order: Any, seal_bytes: int, write_seconds: float,
) -> None:  # fmt: skip
    monkeypatch.setattr("hpcml.store.recorder.SEAL_BYTES", seal_bytes)
    monkeypatch.setattr("hpcml.store.recorder.WRITE_SECONDS", write_seconds)
    opened = toy.planned(tmp_path_factory.mktemp("order"), toy.step(resources={"shards": shards}))
    turns = list(range(shards))
    order.shuffle(turns)
    for shard in turns:
        assert toy.work_here(opened, shard=shard) == 0
    assert toy.merge_here(opened) == reference


def test_digest_does_not_depend_on_expected_costs(tmp_path: Path) -> None:
    """Costs change who computes what and in which order; the fingerprint differs, the rows do not."""
    plain = toy.computed(tmp_path / "plain")
    dear = toy.planned(tmp_path / "dear", toy.step(parameters={"spread_cost": True}, resources={"shards": 5}))
    for shard in range(5):
        assert toy.work_here(dear, shard=shard) == 0
    assert toy.merge_here(dear) == toy.merge_here(plain)


def test_seed_and_parameters_change_the_digest(tmp_path: Path, reference: dict[str, str]) -> None:
    other_seed = toy.computed(tmp_path / "seed", seed=8)
    other_scale = toy.computed(tmp_path / "scale", toy.step(parameters={"scale": 1.5}))
    assert toy.merge_here(other_seed)["samples"] != reference["samples"]
    assert toy.merge_here(other_scale)["samples"] != reference["samples"]
    assert toy.merge_here(other_scale)["histogram"] == reference["histogram"]


@pytest.mark.mpi
def test_digest_survives_interruptions_with_changing_ranks_and_mpis(
    tmp_path: Path, launcher: toy.Launcher, reference: dict[str, str]
) -> None:
    """USR1 after a few units, again and again, each time with another number of ranks."""
    import signal

    log = tmp_path / "toy.log"
    opened = toy.planned(tmp_path)
    codes = []
    for ranks in (2, 1, 3):
        before = len(toy.said(log, "end"))
        command = [*launcher.words(ranks), "work", opened.root, "--step", "toy"]
        process = toy.start(command, TOY_LOG=log, TOY_SLEEP=0.08)
        toy.wait_until(lambda: len(toy.said(log, "end")) > before or process.poll() is not None)  # noqa: B023
        process.send_signal(signal.SIGUSR1)
        codes.append(toy.finish(process).code)
        assert toy.logs(opened) == [], "sealed in good order"
    assert codes == [85, 85, 85]
    assert toy.hpcml("work", opened.root, "--step", "toy", by=launcher, ranks=2, TOY_LOG=log).code == 0
    assert Counter(line.key for line in toy.said(log, "end")).most_common(1)[0][1] == 1, "nothing twice"
    assert toy.merge_here(opened) == reference


# ---------------------------------------------------------------- extension


def extended_equals_planned_large(
    folder: Path, small: list[dict[str, Any]], large: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Extending computes only what is new, and ends as if planned large from the start."""
    monkeypatch.setenv("TOY_LOG", str(folder / "extended.log"))
    extended = toy.planned(folder / "extended", *small)
    compute_all(extended)
    first = Counter(line.key for line in toy.said(folder / "extended.log", "end"))
    extended = toy.planned(folder / "extended", *large)
    compute_all(extended)
    total = Counter(line.key for line in toy.said(folder / "extended.log", "end"))

    monkeypatch.setenv("TOY_LOG", str(folder / "direct.log"))
    direct = toy.planned(folder / "direct", *large)
    compute_all(direct)
    assert total == Counter(line.key for line in toy.said(folder / "direct.log", "end"))
    assert 0 < first.total() < total.total()
    assert toy.verified(extended) == toy.verified(direct)
    for one in direct.steps:
        assert toy.reopened(one).table().keys() == extended.step(one.name).table().keys()
        assert one.table().summary() == extended.step(one.name).table().summary()


def compute_all(opened: OpenCampaign) -> None:
    for one in opened.steps:
        assert toy.work_here(opened, one.name) == 0
        toy.merge_here(opened, one.name)


def test_a_unit_parameter_extends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [[toy.step(parameters={"n": n})] for n in (10, 40)]
    extended_equals_planned_large(tmp_path, *steps, monkeypatch=monkeypatch)


def test_a_swept_value_extends_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value in front moves all positions of the result; numbers of old units stay."""
    steps = [
        [toy.step(parameters={"n": 5}, sweep={"scale": scales, "width": [2]})]
        for scales in ([2.0, 3.0], [1.0, 2.0, 2.5, 3.0])
    ]
    extended_equals_planned_large(tmp_path, *steps, monkeypatch=monkeypatch)
    opened = OpenCampaign(tmp_path / "extended" / "campaign")
    units = opened.step("toy").units()
    assert units.key(0) == "scale=2.0,width=2:u00000"
    assert (
        opened.step("toy").table().payload("scale").tolist() == [1.0] * 5 + [2.0] * 5 + [2.5] * 5 + [3.0] * 5
    )


def test_a_new_step_extends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = toy.step(), toy.step("behind", "Behind", inputs={"samples": "toy"})
    extended_equals_planned_large(tmp_path, [first], [first, second], monkeypatch)


def test_extension_keeps_the_numbers_of_units_that_are_there(tmp_path: Path) -> None:
    before = toy.planned(tmp_path, toy.step(parameters={"n": 3}, sweep={"scale": [2.0]})).step("toy").units()
    after = (
        toy.planned(tmp_path, toy.step(parameters={"n": 4}, sweep={"scale": [1.0, 2.0]})).step("toy").units()
    )
    assert after.keys[:3].tolist() == before.keys.tolist()
    assert after.position[:3].tolist() == [4, 5, 6]
    assert sorted(after.position.tolist()) == list(range(8))


def test_a_campaign_does_not_shrink(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy.planned(tmp_path, toy.step(parameters={"n": 10}))
    job = toy.write_job(tmp_path, toy.step(parameters={"n": 9}))
    ended = toy.hpcml_here(capsys, "plan", job, "--dir", tmp_path / "campaign")
    assert ended.code == 2
    assert "'u00009'" in ended.error()


# ---------------------------------------------------------------- law 6: typing it again


def test_every_command_can_be_typed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "toy.log"
    monkeypatch.setenv("TOY_LOG", str(log))
    opened = toy.computed(tmp_path)
    digests = toy.merge_here(opened)
    table = opened.step("toy").layout.table
    before = table.stat()
    toy.planned(tmp_path)
    assert toy.work_here(opened) == 0
    assert toy.merge_here(opened) == digests
    assert len(toy.said(log, "end")) == 24
    assert (table.stat().st_ino, table.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_journal_can_be_deleted_without_losing_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: dict[str, str]
) -> None:
    import shutil

    log = tmp_path / "toy.log"
    opened = toy.computed(tmp_path)
    shutil.rmtree(opened.layout.journal)
    monkeypatch.setenv("TOY_LOG", str(log))
    assert toy.work_here(opened) == 0
    assert toy.said(log) == []
    assert toy.merge_here(opened) == reference
