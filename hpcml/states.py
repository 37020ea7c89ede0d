"""The states of jobs, shards and steps, and the ordered rules that choose the one state of each.

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


class StepState(StrEnum):
    """The one state of a step, as `hpcml status` prints it."""

    WAITING = "waiting"  # for the steps before it: its units are not listed yet
    PLANNED = "planned"
    RUNNING = "running"
    INCOMPLETE = "incomplete"
    DONE = "done"  # every unit, but not merged
    MERGED = "merged"


# a job that ended like this was stopped by a time limit, preemption or cancellation: `resume` goes on
_STOPPED = frozenset({JobState.TIMEOUT, JobState.PREEMPTED, JobState.NODE_LOST, JobState.CANCELLED})


def shard_state(
    covered: bool,
    job: JobState | None,
    *,
    writing: bool = False,
    tried: bool = False,
    interrupted: bool = False,
) -> ShardState:
    """The first rule that holds.

    covered: parts (and valid logs) hold every unit of the shard.
    job: what the scheduler says of the newest job of the shard; None when none was submitted.
    writing: a rank of it recorded something lately. tried: the journal has an entry about a start of the
    shard. interrupted: the last such entry is a signal or a time limit.
    """
    rules = (
        (covered, ShardState.DONE),
        # a rank that writes is running, whatever the scheduler says or does not say
        (writing, ShardState.RUNNING),
        (job is JobState.HELD, ShardState.HELD),
        (job is JobState.RUNNING, ShardState.RUNNING),
        (job is JobState.PENDING, ShardState.SUBMITTED),
        # a scheduler that does not answer may well be running it: never call that over
        (job is JobState.UNKNOWN, ShardState.UNKNOWN),
        (interrupted or job in _STOPPED, ShardState.INTERRUPTED),
        (tried or job is not None, ShardState.INCOMPLETE),
    )
    return next((state for holds, state in rules if holds), ShardState.PLANNED)


def step_state(units: int | None, done: int, *, merged: bool, writing: bool) -> StepState:
    """The first rule that holds.

    units: how many it has, None before they are listed. done: of these. merged: there is a table. writing:
    a rank that lives has a log.
    """
    rules = (
        (units is None, StepState.WAITING),
        (units == done and merged, StepState.MERGED),
        (units == done, StepState.DONE),
        (writing, StepState.RUNNING),
        (done == 0, StepState.PLANNED),
    )
    return next((state for holds, state in rules if holds), StepState.INCOMPLETE)
