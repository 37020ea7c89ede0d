"""What jobs print, read for what their scheduler does not say. The texts are those of real jobs."""

from __future__ import annotations

import pytest

from hpcml.schedulers.base import JobRecord
from hpcml.schedulers.job_output import JobOutput, read_job_output, refine_record
from hpcml.states import JobState

START = "hpcml: step scan shard 3 attempt 1 restart {} on n1, 2024-11-25 14:37:31"
END = "hpcml: step scan shard 3 ends with exit code {}, 2024-11-25 14:37:34"
ABORTED = """\
2024-11-25 14:37:33,936 rank 0: workload 'toys.scan': open() raised RuntimeError: no inputs (toys.py:130)
--------------------------------------------------------------------------
MPI_ABORT was invoked on rank 0 in communicator MPI_COMM_WORLD
  Proc: [[51454,1],0]
  Errorcode: 2
--------------------------------------------------------------------------
"""


def _read(*texts: str) -> JobOutput:
    return read_job_output([line for text in texts for line in text.splitlines()])


def test_the_exit_code_and_the_error_before_it() -> None:
    found = _read(START.format(0), "hpcml: error: the units of 'scan' are not listed yet", END.format(3))
    assert found == JobOutput(code=3, error="the units of 'scan' are not listed yet")


def test_an_mpi_that_talks_about_the_end_of_its_ranks_has_not_the_last_word() -> None:
    # Open MPI moves what it was given to print: the line after its own begins with a blank
    found = _read(START.format(0), ABORTED, " " + END.format(2))
    assert found.code == 2
    assert found.error == "workload 'toys.scan': open() raised RuntimeError: no inputs (toys.py:130)"


@pytest.mark.parametrize(
    "line",
    [
        "/a/rank.sh: line 78: mpiexec: command not found",
        "timeout: failed to run command 'mpiexec': No such file or directory",
        "/usr/bin/python3: No module named hpcml",
        "ImportError: libmpi.so.12: cannot open shared object file",
    ],
)
def test_without_a_word_of_ours_the_last_error_counts(line: str) -> None:
    assert _read(START.format(0), line, "bye", END.format(127)).error == line


def test_only_the_last_start_counts() -> None:
    found = _read(
        START.format(0),
        ABORTED,
        END.format(85),
        "hpcml: asks to be requeued",
        START.format(1),
        "units: 12",
        "error: x",
    )
    assert found == JobOutput(error="error: x")


def test_a_shard_claimed_by_another_job_is_no_proof_of_the_node() -> None:
    line = "hpcml: step scan shard 3 was claimed by the job of shard 1: ends with exit code 0"
    assert _read(START.format(0), line) == JobOutput(code=0, claimed_by_another=True)


@pytest.mark.parametrize(
    ("line", "peak"),
    [
        (
            "slurmstepd-n1: error: StepId=6.spec exceeded memory limit (328458240 > 104857600), being ...",
            328458240,
        ),
        ("slurmstepd: error: Exceeded job memory limit", 0),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=8.spec. Some of the step tasks", 0),
        ("slurmstepd: error: Detected 1 oom-kill event(s) in step 7.0 cgroup. Some of your processes", 0),
    ],
)
def test_slurmstepd_tells_of_memory_where_squeue_does_not(line: str, peak: int) -> None:
    printed = _read(START.format(0), line)
    assert printed.over_memory and printed.memory_peak == peak
    # as squeue told it of the first one
    record = refine_record(JobRecord(JobState.FAILED, "JobLaunchFailure", signal=9, node="n1"), printed)
    assert (record.state, record.memory_peak, record.node) == (JobState.MEMORY, peak, "n1")


def test_the_script_says_how_it_ended_and_its_dag_job_does_not() -> None:
    record = refine_record(JobRecord(JobState.DONE, exit_code=0), JobOutput(code=127))
    assert (record.state, record.exit_code) == (JobState.FAILED, 127)


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.HELD, JobState.CANCELLED, JobState.TIMEOUT])
def test_what_the_scheduler_did_itself_is_not_corrected(state: JobState) -> None:
    assert refine_record(JobRecord(state), JobOutput(code=3, over_memory=True)) == JobRecord(state)
