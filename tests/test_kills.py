"""Law 3 and law 4 under `kill -9`: nothing recorded is lost or doubled, little is computed twice.

What lives here: real workers killed at random times and at every single step of sealing and merging.
What was computed is counted by the toy's own log. What does not: polite signals (test_mpi.py).
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import pytest
import toy

from hpcml.opening import OpenCampaign

UNITS = 2500
FINISHED_WORK = 0.1  # seconds of finished work that a kill may cost a rank


@dataclass
class Tally:
    """What a series of kills cost."""

    kills: int = 0
    at_work: int = 0  # kills that met a rank at work
    ended: int = 0  # units that the toy says it finished
    needed: int = 0  # units of the campaigns
    doubled: int = 0  # units that stand in two parts (a kill between a part's rename and its log's end)
    worst: float = 0.0  # seconds of finished work that one kill cost one rank
    costs: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        mean = sum(self.costs) / max(1, len(self.costs))
        return (
            f"{self.kills} kills ({self.at_work} at work), {self.ended - self.needed} of {self.ended} units"
            f" computed again, {1000 * mean:.0f} ms of finished work a kill and rank, at most"
            f" {1000 * self.worst:.0f} ms, {self.doubled} units in two parts, 0 lost"
        )


class Victim:
    """A campaign whose workers are killed again and again until it is done."""

    def __init__(self, folder: Path, by: toy.Launcher, verb: str, dice: random.Random, tally: Tally) -> None:
        self.by, self.verb, self.dice, self.tally = by, verb, dice, tally
        self.folder = folder
        self.log = folder / "toy.log"
        self.opened = toy.planned(folder, toy.step(parameters={"n": UNITS}))
        self.opened_files: set[Path] = set()
        self.recorded: set[str] = set()
        self.ranks = 1 if by.name == "serial" and verb == "work" else 2
        tally.needed += UNITS

    def command(self) -> list[str | Path]:
        if self.verb == "work":
            return [*self.by.words(self.ranks), "work", self.opened.root, "--step", "toy"]
        return [self.by.python, "-m", "hpcml", "resume", self.opened.root, "--ranks", str(self.ranks)]

    def life(self) -> bool:
        """Start the worker, kill it at a random time, look at what it left. False when it was done."""
        variables: dict[str, object] = {"TOY_LOG": self.log, "TOY_SLEEP": "0.001-0.005"}
        if self.dice.random() < 0.5:
            variables["TOY_SEAL_BYTES"] = self.dice.choice([4000, 40000])
        before = self.log.stat().st_size if self.log.exists() else 0
        process = toy.start(self.command(), self.folder / "output", **variables)
        if self.dice.random() < 0.85:
            toy.wait_until(lambda: process.poll() is not None or self.log_size() > before, 120, "a unit")
            time.sleep(self.dice.uniform(0, 0.6))
        else:
            time.sleep(self.dice.uniform(0, 1.5))
        self.recorded |= toy.done_units(self.opened)
        ended = process.poll() is not None
        toy.kill_tree(process.pid)
        process.wait(30)
        self.tally.kills += not ended
        self.look(before)
        return not ended

    def log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def look(self, before: int) -> None:
        """Nothing recorded is gone, every file opens, the dead lost at most 0.1 s of finished work."""
        done = toy.done_units(self.opened)
        assert self.recorded <= done, f"recorded and lost: {sorted(self.recorded - done)[:5]}"
        self.recorded = done
        for path in set(toy.parts(self.opened)) - self.opened_files:
            with h5py.File(path, "r", locking=False) as file:
                assert len(file["units/number"]) > 0
            self.opened_files.add(path)
        begun: dict[tuple[int, str], float] = {}
        lost: dict[int, list[float]] = {}
        with self.log.open() if self.log.exists() else contextlib.nullcontext([]) as lines:
            if before:
                lines.seek(before)  # type: ignore[union-attr]
            for line in lines:
                word, key, pid, at, _ = line.split()
                if word == "begin":
                    begun[int(pid), key] = float(at)
                else:
                    gone = [] if key in done else [float(at) - begun[int(pid), key]]
                    lost.setdefault(int(pid), []).extend(gone)
                    self.tally.ended += 1
        self.tally.at_work += bool(lost)
        for seconds in lost.values():
            cost = sum(seconds)
            self.tally.costs.append(cost)
            self.tally.worst = max(self.tally.worst, cost)
            # the unit that ended just before the kill may not have been handed over yet
            assert cost - max(seconds, default=0.0) <= FINISHED_WORK

    def finish(self) -> dict[str, str]:
        """Let it end in peace; the digests."""
        before = self.log_size()
        command = ["work", self.opened.root, "--step", "toy"]
        assert toy.hpcml(*command, by=self.by, ranks=self.ranks, TOY_LOG=self.log).code == 0
        self.look(before)
        assert toy.logs(self.opened) == []
        digests = toy.merge_here(self.opened)
        table = toy.reopened(self.opened.step("toy")).table()
        assert table.keys() == [f"u{number:05d}" for number in range(UNITS)], "each unit once"
        self.tally.doubled += table.about["doubled"]
        toy.verified(self.opened)
        return digests


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    opened = toy.computed(tmp_path_factory.mktemp("uninterrupted"), toy.step(parameters={"n": UNITS}))
    return toy.merge_here(opened)


def kill_again_and_again(
    folder: Path, by: toy.Launcher, verb: str, kills: int, seed: int, uninterrupted: dict[str, str]
) -> Tally:
    tally, dice = Tally(), random.Random(seed)
    campaigns = 0
    while tally.kills < kills:
        campaigns += 1
        victim = Victim(folder / f"{campaigns}", by, verb, dice, tally)
        while tally.kills < kills and victim.life():
            pass
        assert victim.finish() == uninterrupted
        shutil.rmtree(victim.folder)
    print(f"\n{verb} {by.name}: {tally}")
    again = tally.ended - tally.needed
    # in all: units take 3 ms in the mean, and each kill of a rank at work may cost 0.1 s of them
    assert again * 0.003 <= FINISHED_WORK * max(1, len(tally.costs))
    assert tally.at_work > 0
    return tally


SERIES = [
    ("serial", "work", 5, 60),
    ("openmpi", "work", 7, 120),
    ("mpich", "work", 4, 60),
    ("openmpi", "resume", 4, 60),
]


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize(("name", "verb", "kills", "_"), SERIES)
def test_killed_workers_lose_nothing(
    tmp_path: Path, name: str, verb: str, kills: int, _: int, uninterrupted: dict[str, str]
) -> None:
    """20 kills in all."""
    kill_again_and_again(tmp_path, toy.launcher(name), verb, kills, 1, uninterrupted)


@pytest.mark.long
@pytest.mark.parametrize(("name", "verb", "_", "kills"), SERIES)
def test_three_hundred_kills_lose_nothing(
    tmp_path: Path, name: str, verb: str, _: int, kills: int, uninterrupted: dict[str, str]
) -> None:
    """300 kills in all, with another seed each time it is run."""
    seed = int(time.time())
    print(f"\nseed {seed}")
    kill_again_and_again(tmp_path, toy.launcher(name), verb, kills, seed, uninterrupted)


# ---------------------------------------------------------------- every step of it


STEPS = ("fsync", "fdatasync", "write", "writev", "pwrite", "replace", "link", "unlink", "mkdir")


def killed_at(number: int, action: Callable[[], Any]) -> bool:
    """Run `action` in a child that is killed at its number-th step that changes the disk.

    False when it ended before. Steps are the system calls of STEPS and each dataset of an HDF5 file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads of a BLAS around
        child = os.fork()
    if child == 0:
        code = 1
        try:
            _arm(number)
            action()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed instead of being killed"
    return False


def _arm(number: int) -> None:
    left = [number]

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **words: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **words)

        return step

    for name in STEPS:
        setattr(os, name, deadly(getattr(os, name)))
    h5py.Group.create_dataset = deadly(h5py.Group.create_dataset)
    h5py.File.close = deadly(h5py.File.close)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: hundreds of campaigns would wait for fsync most of the time."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or shutil.disk_usage(shared).free < 50_000_000:
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="toys-", dir=shared))
    yield folder
    shutil.rmtree(folder)


SMALL = 3
# every third step in each run, every single one in the long run
strides = pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.long)])


def small_toy(folder: Path) -> OpenCampaign:
    return toy.planned(folder, toy.step(parameters={"n": SMALL}))


@pytest.mark.slow
@strides
def test_a_kill_at_every_step_of_recording_and_sealing_is_harmless(
    memory: Path, monkeypatch: pytest.MonkeyPatch, stride: int
) -> None:
    monkeypatch.setattr("hpcml.store.recorder.WRITE_SECONDS", 0.0)
    monkeypatch.setattr("hpcml.store.recorder.SEAL_BYTES", 900)
    monkeypatch.setattr("hpcml.store.atomic.ABANDONED_SECONDS", -5.0)
    reference = small_toy(memory / "reference")
    assert toy.work_here(reference) == 0
    wanted = toy.merge_here(reference)
    number = 0
    recorded: Counter[int] = Counter()
    while True:
        number += stride
        folder = memory / str(number)
        opened = small_toy(folder)
        if not killed_at(number, lambda: toy.work_here(opened)):  # noqa: B023
            break
        before = toy.done_units(opened)
        recorded[len(before)] += 1
        # killed once more, at an early step of the cure
        killed_at(1 + number % 9, lambda: toy.work_here(opened))  # noqa: B023
        assert before <= toy.done_units(opened)
        assert toy.work_here(opened) == 0
        assert toy.merge_here(opened) == wanted
        assert list(opened.root.rglob("*.tmp")) == [], "what the dead left half-written is cleared away"
        assert toy.logs(opened) == []
        shutil.rmtree(folder)
    assert number > 20
    assert stride > 1 or set(recorded) == set(range(SMALL + 1)), "kills met every stage of recording"


@pytest.mark.slow
@strides
def test_a_kill_at_every_step_of_a_merge_is_harmless(
    memory: Path, monkeypatch: pytest.MonkeyPatch, stride: int
) -> None:
    """The table is absent, the old one, or the new one; typing merge again ends in the right one."""
    monkeypatch.setattr("hpcml.store.atomic.ABANDONED_SECONDS", -5.0)
    steps = [toy.step(parameters={"n": 5}), toy.step("behind", "Behind", inputs={"samples": "toy"})]
    opened = toy.planned(memory / "first", *steps)
    assert toy.work_here(opened) == 0
    wanted = toy.merge_here(opened)
    opened.step("toy").layout.table.unlink()
    opened.step("behind").layout.units.unlink()
    number, tables = 0, Counter[bool]()
    while True:
        number += stride
        copy = memory / str(number)
        shutil.copytree(memory / "first", copy)
        again = OpenCampaign(copy / "campaign")
        if not killed_at(number, lambda: toy.merge_here(again)):  # noqa: B023
            break
        tables[again.step("toy").layout.table.exists()] += 1
        assert toy.merge_here(again) == wanted
        assert toy.verified(again) == {f"toy/{name}": digest for name, digest in wanted.items()}
        assert toy.work_here(OpenCampaign(again.root), "behind") == 0
        assert list(again.root.rglob("*.tmp")) == []
        shutil.rmtree(copy)
    assert tables[False] > 10 / stride and tables[True] > 3 / stride


@pytest.mark.slow
def test_a_plan_killed_at_every_step_can_be_typed_again(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpcml.store.atomic.ABANDONED_SECONDS", -5.0)
    number = 0
    while True:
        number += 1
        folder = memory / str(number)
        if not killed_at(number, lambda: small_toy(folder)):  # noqa: B023
            break
        opened = small_toy(folder)
        assert len(opened.step("toy").units()) == SMALL
    assert number > 8


def _bytes_on_the_way(table: Path, *, left: set[Path]) -> int:
    """Room that the unfinished `table` takes already; -1 before it is begun. `left` by those before."""
    found = -1
    for path in set(table.parent.glob(f".{table.name}.*.tmp")) - left:
        with contextlib.suppress(FileNotFoundError):  # it got its name, or was removed, meanwhile
            found = max(found, path.stat().st_blocks * 512)
    return found


@pytest.mark.slow
def test_merges_killed_at_random_times_end_in_the_same_table(tmp_path: Path) -> None:
    """A merge of 100 MB, long enough to be met while bytes are streaming."""
    job = toy.step(workload="Plain", parameters={"n": 400, "width": 32768}, resources={"shards": 4})
    opened = toy.planned(tmp_path, job)
    for shard in range(4):
        assert toy.work_here(opened, shard=shard) == 0
    words = [*toy.Launcher("serial").words(1), "merge", opened.root]
    dice, killed = random.Random(5), 0
    for _ in range(12):
        table = opened.step("toy").layout.table
        left = set(table.parent.glob(".*.tmp"))
        process = toy.start(words)
        wanted = dice.uniform(0, 90_000_000)  # by progress: how fast a machine merges differs from run to run
        while process.poll() is None and _bytes_on_the_way(table, left=left) < wanted:
            time.sleep(0.001)
        killed += process.poll() is None
        toy.kill_tree(process.pid)
        process.communicate(timeout=30)
        if table.exists():
            toy.verified(opened)
            table.unlink()
    assert killed > 3, killed
    digests = toy.merge_here(opened)
    assert toy.verified(opened) == {f"toy/{name}": digest for name, digest in digests.items()}
    values = toy.reopened(opened.step("toy")).table().array("value")
    assert (values[:, 0] == range(400)).all() and (values[:, -1] == range(400)).all()


def test_a_workspace_survives_kills(tmp_path: Path) -> None:
    """Each unit dies twice and finds its marks again; once merged no workspace is left."""
    log = tmp_path / "toy.log"
    opened = toy.planned(tmp_path, toy.step(workload="Workspaced", parameters={"n": 2}))
    codes = [
        toy.hpcml("work", opened.root, "--step", "toy", TOY_LOG=log, TOY_DEATHS=2, TOY_WRITE_SECONDS=0).code
        for _ in range(5)
    ]
    assert codes == [-signal.SIGKILL] * 4 + [0]
    assert [(line.word, line.key) for line in toy.said(log) if line.word.startswith("marks")] == [
        ("marks-2", "u00000"), ("marks-2", "u00001"),
    ]  # fmt: skip
    toy.merge_here(opened)
    assert not opened.step("toy").layout.workspaces.exists()


@pytest.mark.mpi
def test_ranks_whose_run_was_killed_do_no_harm(tmp_path: Path) -> None:
    """Only `hpcml run` itself dies: its ranks are left alone; a resume then ends in the right table."""
    by = toy.launcher("openmpi")
    log = tmp_path / "toy.log"
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 300}))
    words = [by.python, "-m", "hpcml", "run", opened.root, "--ranks", "2"]
    process = toy.start(words, tmp_path / "output", TOY_LOG=log, TOY_SLEEP="0.01")
    toy.wait_until(lambda: len(toy.said(log, "end")) > 5)
    process.kill()
    process.wait(30)
    ended = toy.hpcml("resume", opened.root, TOY_LOG=log, TOY_SLEEP="0.01")
    if ended.code == 3:  # they live on, and hold what they recorded
        assert "still at work" in ended.error()
        toy.wait_until(lambda: not any(toy.alive(line.pid) for line in toy.said(log)), 60, "the ranks end")
        ended = toy.hpcml("resume", opened.root)
    assert ended.code == 0, ended.stderr
    wanted = toy.computed(tmp_path / "reference", toy.step(parameters={"n": 300}))
    assert toy.merge_here(opened) == toy.merge_here(wanted)
    toy.wait_until(lambda: not any(toy.alive(line.pid) for line in toy.said(log)), 60, "the ranks end")


def test_ranks_stop_when_the_run_that_started_them_is_killed(tmp_path: Path) -> None:
    """`kill -9` of `hpcml run` alone: its ranks leave in good order, and a resume is not in their way."""
    log = tmp_path / "toy.log"
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 400}), resources={"ranks": 2})
    run = toy.start(
        [sys.executable, "-m", "hpcml", "run", opened.root], tmp_path / "out", TOY_LOG=log, TOY_SLEEP="0.05"
    )
    end = time.monotonic() + 60
    while len(toy.said(log, "end")) < 20:
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    while toy.logs(opened):
        assert time.monotonic() < end, "the ranks went on"
        time.sleep(0.1)
    count = len(toy.said(log, "end"))
    time.sleep(0.5)
    assert len(toy.said(log, "end")) == count < 400
    assert toy.hpcml("resume", opened.root, TOY_LOG=log).code == 0
    assert len(toy.said(log, "end")) == 400
