"""Law 3 and law 4 under `kill -9` at every single step of recording, sealing, merging and planning.

What lives here also: workspaces, and ranks whose run was killed.
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
from pathlib import Path
from typing import Any

import h5py
import pytest
import toy

from hpcml.directory.opened import OpenCampaign
from hpcml.store.newfile import Datasets

STEPS = ("fsync", "fdatasync", "write", "writev", "pwrite", "pwritev", "replace", "link", "unlink", "mkdir")


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
    Datasets.reserve = deadly(Datasets.reserve)  # type: ignore[method-assign]
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
