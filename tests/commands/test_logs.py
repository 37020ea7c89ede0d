"""The files of output: which they are, in which order, and the end of each."""

from __future__ import annotations

from pathlib import Path

import pytest
import toy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpcml.attempts.output import LogFile
from hpcml.commands.logs import log_files
from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign

STEPS = ("second", "first")  # in this order in the job file


@pytest.fixture
def opened(tmp_path: Path) -> OpenCampaign:
    return toy.planned(tmp_path, *(toy.step(name) for name in STEPS))


def write(opened: OpenCampaign, step: str, shard: int, attempt: int) -> None:
    folder = opened.root / "output"
    folder.mkdir(exist_ok=True)
    (folder / f"{step}.s{shard:04d}.a{attempt:02d}.log").write_text(f"{step} {shard} {attempt}\n")


starts = st.sets(st.tuples(st.sampled_from(STEPS), st.integers(0, 12), st.integers(1, 11)), max_size=8)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(starts=starts)
def test_by_step_then_shard_then_attempt(opened: OpenCampaign, starts: set[tuple[str, int, int]]) -> None:
    """Numbers are compared as numbers, steps in the order of the job file."""
    for path in (opened.root / "output").glob("*"):
        path.unlink()
    for one in starts:
        write(opened, *one)
    found = [(log.step, log.shard, log.attempt) for log in log_files(opened, History())]
    assert found == sorted(starts, key=lambda one: (STEPS.index(one[0]), *one[1:]))


def test_one_step_and_one_shard(opened: OpenCampaign) -> None:
    for step in STEPS:
        for shard in (0, 1):
            write(opened, step, shard, 1)
    (opened.root / "output" / "notes.log").write_text("not a job's\n")
    both = log_files(opened, History(), shard=1)
    assert [(log.step, log.shard) for log in both] == [("second", 1), ("first", 1)]
    (one,) = log_files(opened, History(), step="first", shard=0)
    assert one.tail(5) == ["first 0 1"]
    assert len(log_files(opened, History())) == 4


def test_the_end_of_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_bytes(b"x" * 100_000 + b"\nlast but one\nlast \xff\n")
    log = LogFile("first", 0, 1, path)
    assert log.tail(2) == ["last but one", "last \N{REPLACEMENT CHARACTER}"]
    assert len(log.tail(3)[0]) < 100_000, "no more than the end of the file is read"
