"""One state per shard, by the first rule that holds."""

from __future__ import annotations

import pytest

from hpcml.states import JobState, ShardState, shard_state


@pytest.mark.parametrize("job", [None, *JobState])
def test_what_whole_parts_cover_is_done(job: JobState | None) -> None:
    assert shard_state(True, job, tried=True, interrupted=True) is ShardState.DONE


@pytest.mark.parametrize(
    ("job", "tried", "interrupted", "expected"),
    [
        (None, False, False, ShardState.PLANNED),
        (JobState.PENDING, True, True, ShardState.SUBMITTED),
        (JobState.RUNNING, True, True, ShardState.RUNNING),
        (JobState.HELD, True, True, ShardState.HELD),
        (JobState.UNKNOWN, True, True, ShardState.UNKNOWN),
        (JobState.GONE, True, True, ShardState.INTERRUPTED),
        (None, True, True, ShardState.INTERRUPTED),
        (JobState.TIMEOUT, False, False, ShardState.INTERRUPTED),
        (JobState.PREEMPTED, True, False, ShardState.INTERRUPTED),
        (JobState.NODE_LOST, True, False, ShardState.INTERRUPTED),
        (JobState.CANCELLED, False, False, ShardState.INTERRUPTED),
        (JobState.MEMORY, True, False, ShardState.INCOMPLETE),
        (JobState.FAILED, False, False, ShardState.INCOMPLETE),
        # the scheduler says it ended well, the parts say something is missing: the parts are right
        (JobState.DONE, True, False, ShardState.INCOMPLETE),
        (JobState.GONE, False, False, ShardState.INCOMPLETE),
        (None, True, False, ShardState.INCOMPLETE),
    ],
)
def test_the_rules_in_order(
    job: JobState | None, tried: bool, interrupted: bool, expected: ShardState
) -> None:
    assert shard_state(False, job, tried=tried, interrupted=interrupted) is expected


def test_live_jobs_are_those_that_may_still_compute() -> None:
    assert {state for state in JobState if state.is_live} == {
        JobState.PENDING,
        JobState.RUNNING,
        JobState.HELD,
    }
