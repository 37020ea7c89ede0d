"""Plain sentences, classes of failure, and what the next try asks for."""

from __future__ import annotations

import pytest

from hpcml.campaign import Resources, SchedulerName
from hpcml.schedulers.base import JobRecord, scheduler
from hpcml.schedulers.failures import Failure, next_try
from hpcml.states import JobState

REASONS = [
    "", "Priority", "Resources", "Dependency", "DependencyNeverSatisfied", "JobArrayTaskLimit", "BeginTime",
    "JobHeldUser", "JobHeldAdmin", "PartitionTimeLimit", "BadConstraints", "QOSMaxJobsPerUserLimit",
    "AssocGrpCPUMinutesLimit", "QOSMaxCpuPerJobLimit", "AssocMaxJobsLimit", "QOSMaxWallDurationPerJobLimit",
    "ReqNodeNotAvail, UnavailableNodes:n1",
    "(Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions)",
]  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_every_common_reason_of_slurm_has_a_sentence(reason: str) -> None:
    found = scheduler("slurm").diagnose(JobRecord(JobState.PENDING, reason))
    assert found.sentence.endswith(".") and "reports the reason" not in found.sentence


def test_a_reason_never_seen_is_quoted() -> None:
    assert "'Gremlins'" in scheduler("slurm").diagnose(JobRecord(JobState.PENDING, "Gremlins")).sentence


@pytest.mark.parametrize(
    ("name", "record", "failure"),
    [
        ("slurm", JobRecord(JobState.TIMEOUT), Failure.TIME),
        ("slurm", JobRecord(JobState.MEMORY), Failure.MEMORY),
        ("slurm", JobRecord(JobState.NODE_LOST), Failure.NODE),
        ("slurm", JobRecord(JobState.PREEMPTED), Failure.PREEMPT),
        ("slurm", JobRecord(JobState.FAILED, exit_code=3), Failure.CODE),
        ("slurm", JobRecord(JobState.FAILED, exit_code=127), Failure.NODE),
        ("slurm", JobRecord(JobState.FAILED, exit_code=42), Failure.UNKNOWN),
        ("slurm", JobRecord(JobState.FAILED, "JobLaunchFailure"), Failure.NODE),
        ("slurm", JobRecord(JobState.FAILED, "JobLaunchFailure", signal=9), Failure.MEMORY),
        ("slurm", JobRecord(JobState.FAILED, "JobLaunchFailure", signal=53), Failure.STORAGE),
        ("htcondor", JobRecord(JobState.FAILED, signal=9), Failure.MEMORY),
        ("htcondor", JobRecord(JobState.HELD, hold_code=34), Failure.MEMORY),
        ("htcondor", JobRecord(JobState.HELD, "Memory over limit", hold_code=26), Failure.MEMORY),
        ("htcondor", JobRecord(JobState.HELD, "memory usage exceeded", hold_code=21), Failure.MEMORY),
        ("htcondor", JobRecord(JobState.CANCELLED, "memory usage exceeded", hold_code=21), Failure.MEMORY),
        ("htcondor", JobRecord(JobState.CANCELLED, "errno 20", hold_code=7), Failure.STORAGE),
        ("htcondor", JobRecord(JobState.HELD, "/data/memory: errno 2", hold_code=7), Failure.STORAGE),
        ("htcondor", JobRecord(JobState.HELD, "no", hold_code=26), Failure.UNKNOWN),
        ("htcondor", JobRecord(JobState.HELD, hold_code=47), Failure.TIME),
        ("htcondor", JobRecord(JobState.HELD, hold_code=7), Failure.STORAGE),
        ("htcondor", JobRecord(JobState.HELD, hold_code=1), None),
        ("htcondor", JobRecord(JobState.HELD, hold_code=4711), None),
        ("htcondor", JobRecord(JobState.PENDING, restarts=2), None),
    ],
)
def test_classes(name: str, record: JobRecord, failure: Failure | None) -> None:
    found = scheduler(name).diagnose(record)
    assert found.failure is failure
    assert found.sentence.endswith(".") and found.remedy


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("name", SchedulerName)
def test_every_state_has_a_sentence(state: JobState, name: str) -> None:
    assert scheduler(name).diagnose(JobRecord(state)).sentence.endswith(".")


ASKED = Resources(ranks=2, memory=4_000_000_000, walltime=3600)


def test_memory_grows_up_to_the_ceiling() -> None:
    first = next_try(Failure.MEMORY, ASKED, tries=0, max_tries=3)
    assert first.again and first.resources.memory == 6_000_000_000
    measured = next_try(Failure.MEMORY, ASKED, tries=0, max_tries=3, memory_peak=20_000_000_000)
    assert measured.resources.memory == 13_000_000_000
    near = next_try(Failure.MEMORY, ASKED, tries=0, max_tries=3, memory_ceiling=10_000_000_000)
    assert near.resources.memory == 5_000_000_000
    at = next_try(Failure.MEMORY, ASKED, tries=0, max_tries=3, memory_ceiling=8_000_000_000)
    assert not at.again and "ceiling" in at.why
    # HTCondor grew the request itself
    given = next_try(
        Failure.MEMORY, ASKED, tries=0, max_tries=3, memory_ceiling=10**10, memory_given=10**10 - 1000
    )
    assert not given.again


def test_time_grows_and_helps_even_at_the_ceiling() -> None:
    assert next_try(Failure.TIME, ASKED, tries=0, max_tries=3).resources.walltime == 5400
    at = next_try(Failure.TIME, ASKED, tries=0, max_tries=3, walltime_ceiling=3600)
    assert at.again and at.resources == ASKED


def test_elsewhere_never_and_bounded() -> None:
    assert next_try(Failure.NODE, ASKED, tries=0, max_tries=3).again
    assert not next_try(Failure.CODE, ASKED, tries=0, max_tries=3).again
    assert not next_try(Failure.INPUT, ASKED, tries=0, max_tries=3).again
    for failure in (Failure.PREEMPT, Failure.STORAGE, Failure.UNKNOWN):
        assert next_try(failure, ASKED, tries=0, max_tries=3).resources == ASKED
        assert not next_try(failure, ASKED, tries=3, max_tries=3).again
