"""The states of scheduler jobs and of shards, and the ordered rule that chooses a shard's one state.

JobState, ShardState, shard_state.
"""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """What the scheduler says about one array task, in one vocabulary for all schedulers."""

    PENDING = "pending"  # waits, also after a requeue
    RUNNING = "running"  # starting, running, suspended or on its way out: not over
    HELD = "held"  # waits for a person
    DONE = "done"  # exit code 0; whether units are missing is for the parts to say
    FAILED = "failed"  # any other exit code, or could not be started
    TIMEOUT = "timeout"
    MEMORY = "memory"
    NODE_LOST = "node-lost"
    PREEMPTED = "preempted"
    CANCELLED = "cancelled"
    GONE = "gone"  # the scheduler answered, and does not know it (any more)
    UNKNOWN = "unknown"  # the scheduler did not answer, or said something we do not understand

    @property
    def is_live(self) -> bool:
        """Submitting its shard again now would compute units twice."""
        return self in (JobState.PENDING, JobState.RUNNING, JobState.HELD)


class ShardState(StrEnum):
    """The one state of a shard, as `hpcml status` prints it."""

    PLANNED = "planned"
    SUBMITTED = "submitted"
    RUNNING = "running"
    HELD = "held"
    UNKNOWN = "unknown"
    INTERRUPTED = "interrupted"
    INCOMPLETE = "incomplete"
    DONE = "done"


# a job that ended like this was cut off by somebody else's clock or hand: `resume` is its cure
_CUT_OFF = frozenset({JobState.TIMEOUT, JobState.PREEMPTED, JobState.NODE_LOST, JobState.CANCELLED})


def shard_state(
    covered: bool, job: JobState | None, *, tried: bool = False, interrupted: bool = False
) -> ShardState:
    """The first rule that holds.

    covered: whole parts (and valid logs) hold every unit of the shard.
    job: what the scheduler says of the newest job of the shard; None when none was submitted.
    tried: the journal has a word about a start of the shard.
    interrupted: the last such word is a signal or a time limit.
    """
    rules = (
        (covered, ShardState.DONE),
        (job is JobState.HELD, ShardState.HELD),
        (job is JobState.RUNNING, ShardState.RUNNING),
        (job is JobState.PENDING, ShardState.SUBMITTED),
        # a scheduler that does not answer may well be running it: never call that over
        (job is JobState.UNKNOWN, ShardState.UNKNOWN),
        (interrupted or job in _CUT_OFF, ShardState.INTERRUPTED),
        (tried or job is not None, ShardState.INCOMPLETE),
    )
    return next((state for holds, state in rules if holds), ShardState.PLANNED)
