"""SLURM's commands, and replies as real ones were (22.05) or as accounting sites print them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpcml.errors import SchedulerError, UsageError
from hpcml.schedulers.base import JobRecord, JobRef, Reply, Submission
from hpcml.schedulers.queries import job_records
from hpcml.schedulers.slurm.replies import job_state, read_sacct, read_scontrol, read_squeue
from hpcml.schedulers.slurm.scheduler import Slurm, clock
from hpcml.states import JobState

from .conftest import Fakes

SLURM = Slurm()
SQUEUE = """\
1|2|PENDING|0|0||JobArrayTaskLimit
1|5|PENDING|0|0||JobHeldUser
1|0|RUNNING|0|1|n1|None
1|1|COMPLETING|0|0|n1|None
1|3|FAILED|768|0|n2|NonZeroExitCode
1|4|FAILED|9|0|n2|RaisedSignal
1|6|COMPLETED|0|0|n1|None
1|7|FAILED|4021|0|n2|JobLaunchFailure
7|N/A|PENDING|0|0||Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions
"""


def test_submit_command_and_its_reply() -> None:
    path = Path("/a b/array.sbatch")
    assert SLURM.submit_command(path) == ["sbatch", "--parsable", "/a b/array.sbatch"]
    assert SLURM.submit_command(path, after=["12", "13"])[2] == "--dependency=afterany:12:13"
    assert SLURM.parse_submit(Reply(0, "1234\n", "")) == "1234"
    # a warning before, a cluster behind
    assert SLURM.parse_submit(Reply(0, "sbatch: you are low on budget\n1234;cluster2\n", "")) == "1234"


@pytest.mark.parametrize(
    "reply", [Reply(1, "", "sbatch: error: no"), Reply(0, "", ""), Reply(0, "hello\n", "")]
)
def test_no_id_is_no_submission(reply: Reply) -> None:
    with pytest.raises(SchedulerError):
        SLURM.parse_submit(reply)


def test_squeue_is_read() -> None:
    found = read_squeue(SQUEUE)
    assert found[JobRef("1", 2)] == JobRecord(JobState.PENDING, "JobArrayTaskLimit")
    assert found[JobRef("1", 5)].state is JobState.HELD
    assert found[JobRef("1", 0)] == JobRecord(JobState.RUNNING, node="n1", restarts=1)
    assert found[JobRef("1", 1)].state is JobState.RUNNING
    assert found[JobRef("1", 3)] == JobRecord(JobState.FAILED, "NonZeroExitCode", exit_code=3, node="n2")
    assert (found[JobRef("1", 4)].exit_code, found[JobRef("1", 4)].signal) == (None, 9)
    assert (found[JobRef("1", 7)].exit_code, found[JobRef("1", 7)].signal) == (None, 53)
    assert found[JobRef("1", 6)].exit_code == 0
    assert "DRAINED" in found[JobRef("7")].reason


def test_sacct_is_read_with_its_steps() -> None:
    found = read_sacct(
        "1_0|COMPLETED|0:0||n1\n"
        "1_0.spec|COMPLETED|0:0|4432K|n1\n"
        "1_0.0|COMPLETED|0:0|1.5G|n1\n"
        "1_1|CANCELLED by 1000|0:15||n2\n"
        "1_2|OUT_OF_MEMORY|0:125||n2\n"
        "1_3|FAILED|85:0||n2\n"
        "1_[4-9]|PENDING|0:0||None assigned\n"
        "1_10|FAILED|0:53||n2\n"
        "2|NODE_FAIL|1:0||n2\n"
    )
    assert found[JobRef("1", 0)] == JobRecord(
        JobState.DONE, exit_code=0, node="n1", memory_peak=int(1.5 * 2**30)
    )
    assert found[JobRef("1", 1)].state is JobState.CANCELLED
    assert found[JobRef("1", 2)].state is JobState.MEMORY
    assert found[JobRef("1", 3)].exit_code == 85
    assert found[JobRef("2")].state is JobState.NODE_LOST
    assert (found[JobRef("1", 10)].exit_code, found[JobRef("1", 10)].signal) == (None, 53)
    assert len(found) == 6


def test_scontrol_is_read_whatever_the_comment_says() -> None:
    text = (
        "JobId=4 ArrayJobId=1 ArrayTaskId=2 JobName=a JobState=FAILED Reason=NonZeroExitCode Restarts=2 "
        "ExitCode=3:0 NodeList=n1 Comment=a JobState=RUNNING x=1\n"
    )
    record = JobRecord(JobState.FAILED, "NonZeroExitCode", exit_code=3, node="n1", restarts=2)
    assert read_scontrol(text) == {JobRef("1", 2): record}


def test_words_never_seen_are_unknown() -> None:
    assert job_state("CANCELLED by 12", "") is JobState.CANCELLED
    assert job_state("PREEMPTED", "") is JobState.PREEMPTED
    assert job_state("TELEPORTED", "") is JobState.UNKNOWN


def test_one_call_for_all_and_accounting_only_for_the_forgotten(fakes: Fakes) -> None:
    fakes.answer("squeue", out=SQUEUE)
    fakes.answer("sacct", out="1_9|TIMEOUT|0:0||n1\n")
    refs = [JobRef("1", index) for index in range(7)]
    found = job_records(SLURM, refs, since=0)
    assert len(fakes.calls("squeue")) == 1 and not fakes.calls("sacct")
    assert all(found[ref].state is not JobState.GONE for ref in refs)

    found = job_records(SLURM, [*refs, JobRef("1", 9), JobRef("1", 10)], since=0)
    assert len(fakes.calls("squeue")) == 2 and len(fakes.calls("sacct")) == 1
    assert "--starttime=19" in fakes.calls("sacct")[0]
    assert found[JobRef("1", 9)].state is JobState.TIMEOUT
    assert found[JobRef("1", 10)].state is JobState.GONE


def test_without_accounting_the_forgotten_are_gone(fakes: Fakes) -> None:
    fakes.answer("squeue", err="slurm_load_jobs error: Invalid job id specified\n", code=1)
    fakes.answer("sacct", err="Slurm accounting storage is disabled\n", code=1)
    fakes.answer("scontrol", err="slurm_load_jobs error: Invalid job id specified\n", code=1)
    assert job_records(SLURM, [JobRef("9", 0)], since=0)[JobRef("9", 0)].state is JobState.GONE
    assert fakes.calls("scontrol") == ["--oneliner show job 9"]


def test_a_controller_that_is_down_is_an_error_and_not_an_answer(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    fakes.answer(
        "squeue", err="slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n", code=1
    )
    with pytest.raises(SchedulerError, match="Unable to contact"):
        job_records(SLURM, [JobRef("1", 0)], since=0)


def test_cancel_and_lookup() -> None:
    refs = [JobRef("5", 3), JobRef("5", 7), JobRef("5", 8), JobRef("6"), JobRef("6", 1)]
    assert SLURM.cancel_command(refs) == ["scancel", "5_[3,7-8]", "6"]
    reply = Reply(0, "12|hpcml:5f3a:1:scan-array\n12|hpcml:5f3a:1:scan-array\n13|other\n", "")
    assert SLURM.parse_find(reply, "hpcml:5f3a:1:scan-array") == ["12"]


def test_logs_and_shards_of_a_split_array() -> None:
    sub = Submission("scan-array-2", "array", "scan", "x", shards=(12, 15), offset=10)
    records = {JobRef("5", 2): JobRecord(JobState.DONE), JobRef("5", 5): JobRecord(JobState.RUNNING)}
    found = SLURM.by_shard(sub, records)
    assert {shard: ref for shard, (ref, _) in found.items()} == {12: JobRef("5", 2), 15: JobRef("5", 5)}
    assert SLURM.log_name(JobRef("5", 2)) == "5_2.log"
    assert SLURM.log_name(JobRef("9"), merge=True) == "merge-9.log"


def test_times_and_options() -> None:
    assert clock(90061) == "1-01:01:01"
    with pytest.raises(UsageError, match="throtle") as caught:
        SLURM.check_options({"throtle": 3})
    assert "throttle" in caught.value.hint
