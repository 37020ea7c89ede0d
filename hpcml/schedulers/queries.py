"""Asks a scheduler about many jobs: the queue (or an event log) first, its history second, GONE last.

A scheduler that does not answer is an error here, never GONE: its jobs may well be running.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hpcml.errors import SchedulerError
from hpcml.schedulers.base import JobRecord, JobRef, Reply, Scheduler, Submission
from hpcml.schedulers.shell import ask
from hpcml.states import JobState

Ask = Callable[[Sequence[str]], Reply]


def job_records(
    scheduler: Scheduler, refs: Sequence[JobRef], *, since: float, ask: Ask = ask
) -> dict[JobRef, JobRecord]:
    """What is known about each of `refs`: one call, whatever their number, and a second one only for
    those that the first no longer knows. A ref that nobody knows is GONE.

    since: unix time before the first of them was submitted. Raises SchedulerError when the scheduler does
    not answer: callers must then call the jobs UNKNOWN, never gone.
    """
    jobs = sorted({ref.job for ref in refs}, key=lambda job: (len(job), job))
    if not jobs:
        return {}
    known = scheduler.parse_query(ask(scheduler.query_command(jobs)))
    forgotten = sorted({ref.job for ref in refs if ref not in known})
    if forgotten:
        for command in scheduler.history_commands(forgotten, since=since):
            remembered = _from_history(scheduler, command, ask)
            if remembered is not None:
                known = {**remembered, **known}
                break
    gone = JobRecord(JobState.GONE)
    return {ref: known.get(ref, gone) for ref in refs} | known


def event_records(
    scheduler: Scheduler, out: Path, submissions: Sequence[Submission]
) -> Mapping[str, dict[int, tuple[JobRef, JobRecord]]]:
    """{name of an array submission: {shard: its newest job}} from event logs: no call at all."""
    return {
        sub.name: scheduler.by_shard(sub, scheduler.read_events(out / sub.events))
        for sub in submissions
        if sub.kind == "array" and sub.events
    }


def _from_history(scheduler: Scheduler, command: Sequence[str], ask: Ask) -> dict[JobRef, JobRecord] | None:
    try:
        return scheduler.parse_history(ask(command))
    except SchedulerError:
        return None  # no sacct on this machine: the parts know what is done
