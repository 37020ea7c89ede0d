"""Ranks together: nobody waits for a busy rank, polite signals, failures of units and of the engine.

One test body over Open MPI and MPICH, and over no MPI where that has a meaning.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
import toy

from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "toy.log"


def work_words(by: toy.Launcher, opened: OpenCampaign, ranks: int = 2) -> list[str | Path]:
    return [*by.words(ranks), "work", opened.root, "--step", "toy"]


def resumed_equals(opened: OpenCampaign, folder: Path, n: int, log: Path) -> None:
    """The rest is computed, nothing twice, and the digest is that of an undisturbed campaign."""
    assert toy.work_here(opened) == 0
    reference = toy.computed(folder / "reference", toy.step(parameters={"n": n}))
    assert toy.merge_here(opened) == toy.merge_here(reference)
    assert Counter(line.key for line in toy.said(log, "end")).most_common(1)[0][1] == 1


# ---------------------------------------------------------------- balance


@pytest.mark.parametrize("busy", [0, 1])
def test_a_rank_inside_a_kernel_delays_nobody(
    tmp_path: Path, mpi: toy.Launcher, log: Path, busy: int
) -> None:
    """One rank holds the interpreter lock for seconds and never enters MPI; the other does all the rest."""
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 60}))
    process = toy.start(work_words(mpi, opened), TOY_LOG=log, TOY_BLOCK=f"{busy}=5", TOY_SLEEP=0.02)
    assert toy.finish(process).code == 0
    theirs = [line for line in toy.said(log) if line.rank == busy]
    others = [line for line in toy.said(log, "end") if line.rank != busy]
    assert [line.word for line in theirs] == ["begin", "end"], "one unit, the long one"
    assert theirs[1].time - theirs[0].time >= 5.0
    assert len(others) == 59
    assert max(line.time for line in others) < theirs[1].time - 0.5, "the other was done long before"


def test_a_chunk_whose_first_unit_is_long_is_shared(tmp_path: Path, mpi: toy.Launcher, log: Path) -> None:
    """Units too short for single turns are dealt in chunks; one of them sleeps, the others do not wait."""
    n = 4000
    opened = toy.planned(tmp_path, toy.step(parameters={"n": n}))
    slow = ",".join(f"u{number:05d}=1.5" for number in (2000, 2001, 2002, 2003))
    process = toy.start(work_words(mpi, opened), TOY_LOG=log, TOY_SLOW=slow)
    assert toy.finish(process).code == 0
    lines = [line for line in toy.said(log) if line.key[1:] in ("02000", "02001", "02002", "02003")]
    ends = sorted(line.time for line in lines if line.word == "end")
    begins = sorted(line.time for line in lines if line.word == "begin")
    assert len({line.pid for line in lines}) == 2, "two ranks shared the slow units"
    assert ends[-1] - begins[0] < 4 * 1.5 - 1.0
    assert len(toy.said(log, "end")) == n


def test_the_ranks_end_together_after_uneven_units(tmp_path: Path, mpi: toy.Launcher, log: Path) -> None:
    """Long units first: with 3 ranks, one unit of 1 s and many short ones end soon after the long one."""
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 100, "spread_cost": True}))
    process = toy.start(work_words(mpi, opened, 3), TOY_LOG=log, TOY_SLOW="u00006=1", TOY_SLEEP=0.005)
    assert toy.finish(process).code == 0
    lines = toy.said(log)
    first = [line.key for line in lines if line.word == "begin"][:8]
    assert "u00006" in first, "the dearest units are dealt first"
    assert Counter(line.key for line in lines if line.word == "end").total() == 100


# ---------------------------------------------------------------- signals


@pytest.mark.mpi
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1], ids=["TERM", "USR1"])
@pytest.mark.parametrize("target", ["rank", "launcher"])
def test_a_signal_ends_all_ranks_in_good_order(
    tmp_path: Path, launcher: toy.Launcher, log: Path, number: signal.Signals, target: str
) -> None:
    """The running units end, all is sealed, exit 85; the resume computes only the rest."""
    if target == "launcher" and number == signal.SIGTERM and launcher.name == "openmpi":
        pytest.skip("Open MPI's mpiexec kills its ranks 0.2 s after SIGTERM: rank.sh sends it USR1 instead")
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 200}))
    process = toy.start(work_words(launcher, opened), TOY_LOG=log, TOY_SLEEP=0.1)
    toy.wait_until(lambda: len(toy.said(log, "end")) >= 4)
    pids = {line.pid for line in toy.said(log)}
    os.kill(min(pids) if target == "rank" else process.pid, number)
    ended = toy.finish(process, 60)
    assert ended.code == 85, ended.stderr
    assert toy.logs(opened) == [], "everything is sealed"
    finished = {line.key for line in toy.said(log, "end")}
    assert {line.key for line in toy.said(log, "begin")} == finished, "running units were finished"
    assert toy.done_units(opened) == finished
    assert 4 <= len(finished) < 200
    words = [word["event"] for word in History.read(opened.layout.journal).entries]
    assert words[-1] == "shard-interrupted"
    resumed_equals(opened, tmp_path, 200, log)


@pytest.mark.mpi
def test_a_unit_that_does_not_end_in_its_grace_is_dropped(
    tmp_path: Path, launcher: toy.Launcher, log: Path
) -> None:
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 30}))
    process = toy.start(
        work_words(launcher, opened), TOY_LOG=log, TOY_SLOW="u00003=60", TOY_GRACE=0.5, TOY_SLEEP=0.05
    )
    toy.wait_until(lambda: "u00003" in {line.key for line in toy.said(log, "begin")})
    pid = next(line.pid for line in toy.said(log, "begin") if line.key == "u00003")
    os.kill(pid, signal.SIGUSR1)
    ended = toy.finish(process, 30)  # the unit itself lasts a minute
    assert ended.code == 85, ended.stderr
    assert toy.logs(opened) == []
    assert "u00003" not in toy.done_units(opened)
    assert toy.done_units(opened) == {line.key for line in toy.said(log, "end")}
    resumed_equals(opened, tmp_path, 30, log)


@pytest.mark.mpi
def test_a_known_end_of_the_wall_time_is_met(tmp_path: Path, launcher: toy.Launcher, log: Path) -> None:
    """No unit is begun that would not end; the process is gone before its time is up."""
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 500}))
    end = time.time() + 7
    process = toy.start(work_words(launcher, opened), TOY_LOG=log, TOY_SLEEP=0.1, HPCML_END_TIME=end)
    ended = toy.finish(process, 60)
    assert ended.code == 85, ended.stderr
    assert time.time() < end + 1
    assert toy.logs(opened) == []
    assert toy.done_units(opened) == {line.key for line in toy.said(log, "end")}
    assert toy.done_units(opened)
    resumed_equals(opened, tmp_path, 500, log)


def test_run_passes_a_stop_on_and_says_how_to_go_on(tmp_path: Path, log: Path) -> None:
    by = toy.launcher("openmpi")
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 200}))
    words = [by.python, "-m", "hpcml", "run", opened.root, "--ranks", "2"]
    process = toy.start(words, TOY_LOG=log, TOY_SLEEP=0.1)
    toy.wait_until(lambda: len(toy.said(log, "end")) >= 4)
    process.send_signal(signal.SIGTERM)
    ended = toy.finish(process, 60)
    assert ended.code == 85 and "resume" in ended.stderr
    assert toy.logs(opened) == []
    resumed_equals(opened, tmp_path, 200, log)


# ---------------------------------------------------------------- failures


def test_run_says_that_a_killed_rank_can_be_resumed(tmp_path: Path, mpi: toy.Launcher) -> None:
    """MPICH's mpiexec says 9, Open MPI's 137."""
    job, here = toy.write_job(tmp_path), toy.Launcher(mpi.name, mpi.python)
    words = ("run", job, "--dir", tmp_path / "campaign", "--ranks", "2")
    ended = toy.hpcml(*words, by=here, TOY_KILL="u00012")
    assert ended.code == 3 and "was ended by signal 9 (SIGKILL)" in ended.error()
    assert toy.hpcml(*words, by=here).code == 0


@pytest.mark.mpi
def test_a_failing_unit_is_recorded_and_the_others_go_on(
    tmp_path: Path, launcher: toy.Launcher, log: Path
) -> None:
    opened = toy.planned(tmp_path, toy.step(max_attempts=3))
    ended = toy.finish(toy.start(work_words(launcher, opened), TOY_LOG=log, TOY_FAIL="u00002,u00005"))
    assert ended.code == 3
    assert len(toy.done_units(opened)) == 22
    begun = Counter(line.key for line in toy.said(log, "begin"))
    assert begun["u00002"] == begun["u00005"] == 3 and begun.total() == 22 + 6
    failures = History.read(opened.layout.journal).of("unit-failed")
    assert Counter(word["unit"] for word in failures) == {"u00002": 3, "u00005": 3}
    for word in failures:
        assert word["error"] == f"RuntimeError: toy failure of {word['unit']}"
        assert "in behave" in word["traceback"]
        assert word["host"] == os.uname().nodename and word["rank"] in (0, 1)

    again = toy.finish(toy.start(work_words(launcher, opened), TOY_LOG=log))
    assert again.code == 3, "max_attempts is used up: they are not tried again"
    assert Counter(line.key for line in toy.said(log, "begin"))["u00002"] == 3


def test_failed_units_must_be_allowed_or_retried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import h5py

    opened = toy.planned(tmp_path)
    assert toy.hpcml("run", opened.root, TOY_FAIL="u00002,u00005").code == 3
    units = json.loads(toy.hpcml_here(capsys, "units", opened.root, "--state", "failed", "--json").stdout)
    assert [(unit["unit"], unit["attempts"]) for unit in units] == [("u00002", 2), ("u00005", 2)]
    ended = toy.hpcml_here(capsys, "merge", opened.root)
    assert ended.code == 3
    assert "u00002 (failed 2x: RuntimeError: toy failure of u00002)" in ended.error()

    assert toy.hpcml_here(capsys, "merge", opened.root, "--allow-missing").code == 0
    table = toy.reopened(opened.step("toy")).table()
    assert table.missing() == ["u00002", "u00005"]
    assert len(table.keys()) == 22
    with h5py.File(opened.step("toy").layout.table) as file:
        assert file["missing/reason"][0].startswith(b"failed 2x")
    toy.verified(opened)

    assert toy.hpcml("resume", opened.root).code == 3, "a resume alone does not try them again"
    assert toy.hpcml("resume", opened.root, "--retry-failed").code == 0
    reference = toy.computed(tmp_path / "reference")
    assert toy.verified(opened) == {
        f"toy/{name}": digest for name, digest in toy.merge_here(reference).items()
    }


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("TOY_OPEN_FAILS", ["toy cannot open its inputs on this rank", "toy_workloads.py"]),
        ("TOY_DRAW_FAILS", ["toy error of the engine", "Traceback", "in draw"]),
    ],
)
def test_an_error_of_one_rank_outside_its_units_ends_all_quickly(
    tmp_path: Path, mpi: toy.Launcher, log: Path, variable: str, words: list[str]
) -> None:
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 2000}))
    variables = {"TOY_LOG": log, "TOY_SLEEP": 0.05, variable: "1"}
    # 2000 units of 50 ms would take longer than it has
    ended = toy.finish(toy.start(work_words(mpi, opened), **variables), 40)
    assert ended.code in (1, 2)
    # MPICH's mpiexec may drop what a rank prints just before it ends: the journal has it
    failed = History.read(opened.layout.journal).of("rank-failed")
    assert 1 in [entry["rank"] for entry in failed]
    text = "\n".join([ended.stderr, *(entry["error"] for entry in failed)])
    assert all(word in text for word in words)


@pytest.mark.mpi
def test_an_error_that_all_ranks_share_is_said_once(tmp_path: Path, launcher: toy.Launcher) -> None:
    opened = toy.planned(tmp_path)
    words = [*launcher.words(2), "work", opened.root, "--step", "toi"]
    ended = toy.finish(toy.start(words))
    assert ended.code == 2
    assert "has no step 'toi'" in ended.error() and "did you mean 'toy'" in ended.stderr


# ---------------------------------------------------------------- the world


def test_a_world_of_another_size_is_refused(tmp_path: Path, mpi: toy.Launcher) -> None:
    opened = toy.planned(tmp_path)
    ended = toy.finish(toy.start([*work_words(mpi, opened), "--ranks", "3"]))
    assert ended.code == 2
    assert "3 ranks were started but MPI says 2" in ended.error()


@pytest.mark.mpi
@pytest.mark.parametrize(("starter", "python"), [("openmpi", "mpich"), ("mpich", "openmpi")])
def test_the_mpiexec_of_another_mpi_is_noticed(tmp_path: Path, starter: str, python: str) -> None:
    """Otherwise it silently gives two worlds of one rank, which compute everything twice."""
    opened = toy.planned(tmp_path)
    mixed = toy.Launcher("mixed", toy.launcher(python).python, toy.launcher(starter).mpiexec)
    ended = toy.finish(toy.start(work_words(mixed, opened)), 60)
    assert ended.code != 0
    assert "launcher is of another MPI" in ended.stderr or "finds no MPI library" in ended.stderr
    assert toy.done_units(opened) == set()


def test_without_mpi4py_two_ranks_are_a_clear_error(tmp_path: Path) -> None:
    """A core installation on a login node."""
    opened = toy.planned(tmp_path)
    code = (
        "import sys; sys.modules['mpi4py'] = None\n"
        f"sys.argv = ['hpcml', 'work', {str(opened.root)!r}, '--step', 'toy', '--ranks', '2']\n"
        "from hpcml.cli.main import main; main()"
    )
    ended = subprocess.run(
        [toy.Launcher("serial").python, "-c", code],
        env=toy.environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "2 ranks need mpi4py" in ended.stderr and "pip install" in ended.stderr
