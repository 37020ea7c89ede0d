"""Which node is to blame, and when it is not the node."""

from __future__ import annotations

from collections import Counter

import pytest

from hpcml.attempts.jobs import ShardJob
from hpcml.attempts.outcomes import JobOutcome, StepOutcomes, blame_nodes
from hpcml.schedulers.base import JobRecord, JobRef, scheduler
from hpcml.schedulers.failures import Failure
from hpcml.states import JobState


def _failed(node: str, code: int = 127, count: int = 1) -> list[JobOutcome]:
    record = JobRecord(JobState.FAILED, exit_code=code, node=node)
    diagnosis = scheduler("slurm").diagnose(record)
    return [
        JobOutcome(ShardJob("scan", 1, at, JobRef("7", at), record), record, diagnosis) for at in range(count)
    ]


def _blamed(found: list[JobOutcome], **well: int) -> StepOutcomes:
    return blame_nodes(found, Counter(one.record.node for one in found), Counter(well))


def test_a_node_without_python_is_named() -> None:
    found = _blamed(_failed("n2", count=2), n1=3)
    assert found.bad == ("n2",)
    (sentence,) = {one.diagnosis.sentence for one in found.found}
    assert "no Python" in sentence
    assert sentence.endswith("On node n2 all 2 jobs that ended there failed, 0 of 3 elsewhere.")


def test_one_that_took_all_jobs_is_named_too() -> None:
    assert _blamed(_failed("n2", count=4)).bad == ("n2",)


@pytest.mark.parametrize("code", [1, 2, 42, 134])
def test_any_failure_that_other_nodes_do_not_know_is_the_node_s(code: int) -> None:
    found = _blamed(_failed("n2", code, 2), n1=1)
    assert found.bad == ("n2",)
    assert {one.diagnosis.failure for one in found.found} == {Failure.NODE}


def test_one_failure_on_a_node_does_not_blame_it() -> None:
    found = _blamed(_failed("n2", 42), n1=5)
    assert not found.bad and found.found[0].diagnosis.failure is Failure.UNKNOWN


def test_where_a_job_ended_well_it_is_not_the_node() -> None:
    assert not _blamed(_failed("n2", count=3), n2=1).bad


def test_failures_everywhere_are_not_the_node_s() -> None:
    found = _blamed(_failed("n1", count=2) + _failed("n2"))
    assert not found.bad
    assert {one.diagnosis.failure for one in found.found} == {Failure.CODE}
    assert "on every node that was tried: n1, n2." in found.found[0].diagnosis.sentence
    assert {one.diagnosis.failure for one in _blamed(_failed("n1", 42, 2) + _failed("n2", 42, 2)).found} == {
        Failure.UNKNOWN
    }


def test_nodes_that_died_are_avoided_though_nothing_ended_well_yet() -> None:
    found = [*_failed("n1"), *_failed("n2")]
    lost = JobRecord(JobState.NODE_LOST, node="n1")
    found[0] = JobOutcome(found[0].job, lost, scheduler("slurm").diagnose(lost))
    assert _blamed(found).bad == ("n1", "n2")


def test_units_that_fail_and_memory_blame_no_node() -> None:
    two = _failed("n2", 3, 2) + _failed("n2", 137, 2)
    found = blame_nodes(two, Counter(), Counter(n1=4))
    assert not found.bad and found.found == two
