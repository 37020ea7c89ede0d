"""What a person sees of a campaign on a cluster, while its jobs wait, are held, and end badly."""

from __future__ import annotations

import pytest

from hpcml.schedulers import shell

from .conftest import Slurm

OVER = "slurmstepd-n1: error: StepId=1.spec exceeded memory limit (700000000 > 524288000), being killed"
DONE = "COMPLETED|0|n1|None"


def shards(*lines: str) -> list[str]:
    """Lines of shards that have recorded nothing yet, from their STATE and what follows the counts."""
    found = []
    for index, line in enumerate(lines):
        state, _, more = line.partition(" ")
        found.append(f"  shard {index:<5}        {state:<11} 0 of 6 done, 0 failed, 6 missing{more}")
    return found


def test_dry_run_then_submit(slurm: Slurm) -> None:
    assert slurm.terminal("submit CAMPAIGN --dry-run") == [
        "attempt 1: CAMPAIGN/submit/attempt-0001",
        "sbatch --parsable CAMPAIGN/submit/attempt-0001/toy/array.sbatch",
        "sbatch --parsable --dependency=afterany:<toy-array> CAMPAIGN/submit/attempt-0001/toy/merge.sbatch",
    ]
    assert slurm.submit() == [
        "attempt 1: CAMPAIGN/submit/attempt-0001",
        "  toy-array: job 41",
        "  toy-merge: job 42",
    ]


def test_render(slurm: Slurm) -> None:
    lines = slurm.terminal("render CAMPAIGN")
    folder = "CAMPAIGN/submit/attempt-0001/toy"
    assert f"{folder}/array.sbatch" in lines and f"{folder}/rank.sh" in lines
    assert slurm.fakes.calls("sbatch") == []


def test_pending_jobs(slurm: Slurm) -> None:
    slurm.submit()
    slurm.queue(*["PENDING|0||Priority"] * 4)
    assert slurm.terminal("status CAMPAIGN") == [
        "toys  CAMPAIGN  5 jobs queued or running",
        "toy                  planned     0 of 24 units done, 0 failed, 24 missing",
        *shards(*(f"submitted , job 41.{index}" for index in range(4))),
    ]
    assert slurm.terminal("explain CAMPAIGN") == [
        "toy shards 0-3: Jobs of higher priority are in front of it.",
        "    -> wait; `sprio -j ID` shows why",
    ]


def test_running_held_and_hopeless_jobs(slurm: Slurm) -> None:
    slurm.submit()
    slurm.queue(
        "RUNNING|0|n1|None", "PENDING|0||Resources", "PENDING|0||JobHeldUser", "PENDING|0||PartitionTimeLimit"
    )
    assert slurm.terminal("status CAMPAIGN")[2:] == shards(
        "running , job 41.0 on n1", "submitted , job 41.1", "held , job 41.2", "submitted , job 41.3"
    )
    assert slurm.terminal("explain CAMPAIGN") == [
        "toy shard 0: It runs.",
        "toy shard 1: It is next, and waits for enough free CPUs and memory.",
        "    -> wait",
        "toy shard 2: Its owner holds it.",
        "    -> scontrol release ID",
        "toy shard 3: It asks for more time than its partition allows: it will never start.",
        "    -> a shorter resources.walltime or another partition,"
        " then `hpcml cancel CAMPAIGN` and `hpcml resume CAMPAIGN`",
    ]


def test_jobs_out_of_memory(slurm: Slurm) -> None:
    slurm.submit()
    slurm.queue(*["FAILED|9|n1|JobLaunchFailure"] * 4, merge=DONE, printed=f"first line\n{OVER}\n")
    assert slurm.terminal("status CAMPAIGN") == [
        "toys  CAMPAIGN",
        "toy                  planned     0 of 24 units done, 0 failed, 24 missing",
        *shards(*(f"incomplete , job 41.{index} on n1" for index in range(4))),
    ]
    assert slurm.terminal("explain CAMPAIGN") == [
        "toy shards 0-3: It was killed because it used more memory than it had asked for.",
        "    -> `hpcml resume CAMPAIGN`, which asks for 0.91 GB per rank instead of 0.5",
    ]
    assert slurm.terminal("logs CAMPAIGN --shard 2 --lines 1") == [
        "==> CAMPAIGN/submit/attempt-0001/toy/logs/41_2.log",
        OVER,
    ]
    assert len(slurm.terminal("logs CAMPAIGN")) == 4 * 3


def test_jobs_over_their_time(slurm: Slurm) -> None:
    slurm.submit()
    slurm.queue(*["TIMEOUT|0|n1|TimeLimit"] * 4, merge=DONE)
    assert slurm.terminal("status CAMPAIGN")[2:] == shards(
        *(f"interrupted , job 41.{index} on n1" for index in range(4))
    )
    assert slurm.terminal("explain CAMPAIGN") == [
        "toy shards 0-3: Its wall time ended before it could stop in good order."
        " What it had recorded is kept.",
        "    -> `hpcml resume CAMPAIGN` computes what is missing;"
        " a longer resources.walltime or more shards avoids it",
    ]
    assert slurm.terminal("resume CAMPAIGN --dry-run")[:2] == [
        "toy: 4 shard(s) ended by time: 5400 s instead of 3600 s",
        "attempt 2: CAMPAIGN/submit/attempt-0002",
    ]


def test_cancel(slurm: Slurm) -> None:
    slurm.submit()
    slurm.queue(*["PENDING|0||Priority"] * 4)
    assert slurm.terminal("cancel CAMPAIGN --dry-run") == ["scancel 41 42"]
    assert slurm.fakes.calls("scancel") == []
    slurm.fakes.answer("scancel")
    assert slurm.terminal("cancel CAMPAIGN") == ["cancelled 5 jobs"]
    slurm.queue(*["CANCELLED|0||None"] * 4, merge="CANCELLED|0||None")
    assert slurm.terminal("cancel CAMPAIGN") == ["no job is queued or running"]


def test_a_scheduler_that_does_not_answer(slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell.time, "sleep", lambda seconds: None)  # between the tries
    slurm.submit()
    slurm.fakes.answer("squeue", err="slurm_load_jobs error: Unable to contact slurm controller", code=1)
    lines = slurm.terminal("status CAMPAIGN")
    assert lines[1].startswith("the scheduler does not answer: ") and "Unable to contact" in lines[1]
    first, remedy = slurm.terminal("explain CAMPAIGN")[:2]
    assert first.startswith("the scheduler: It does not answer: ") and first.endswith(".")
    assert remedy == "    -> ask again later; nothing is lost"


def test_a_cancellation_that_the_scheduler_refuses(slurm: Slurm) -> None:
    slurm.submit()
    slurm.queue(*["PENDING|0||Priority"] * 4)
    slurm.fakes.answer("scancel", err="scancel: error: Access/permission denied\n", code=1)
    assert slurm.terminal("cancel CAMPAIGN") == [
        "hpcml: error: scancel refused: scancel: error: Access/permission denied",
        "exit code 4",
    ]
    assert slurm.terminal("status CAMPAIGN")[0].endswith("5 jobs queued or running"), "nothing is recorded"
