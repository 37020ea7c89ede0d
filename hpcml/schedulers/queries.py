"""One question about many jobs: who asks whom, and what silence means.

Squeue (or condor_q, or an event log) first, the scheduler's memory second, GONE last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hpcml.errors import SchedulerError
from hpcml.schedulers.base import JobRecord, JobRef, Reply, Scheduler, Submission
from hpcml.schedulers.htcondor.event_log import read_event_log
from hpcml.schedulers.shell import ask
from hpcml.states import JobState

Ask = Callable[[Sequence[str]], Reply]


def job_records(
    scheduler: Scheduler, refs: Sequence[JobRef], *, since: float, ask: Ask = ask
) -> dict[JobRef, JobRecord]:
    """What is known about each of `refs`: one call, whatever their number, and a second one only for
    those that the first no longer knows. A ref that nobody knows is GONE.

    since: unix time before the first of them was submitted. Raises SchedulerError when the scheduler does
    not answer: whoever asks must then call the jobs UNKNOWN, never gone.
    """
    jobs = sorted({ref.job for ref in refs}, key=lambda job: (len(job), job))
    if not jobs:
        return {}
    known = scheduler.parse_query(ask(scheduler.query_command(jobs)))
    forgotten = sorted({ref.job for ref in refs if ref not in known})
    if forgotten:
        for command in scheduler.history_commands(forgotten, since=since):
            told = _from_history(scheduler, command, ask)
            if told is not None:
                known = {**told, **known}
                break
    gone = JobRecord(JobState.GONE)
    return {ref: known.get(ref, gone) for ref in refs} | known


def event_records(
    scheduler: Scheduler, out: Path, submissions: Sequence[Submission]
) -> Mapping[str, dict[int, tuple[JobRef, JobRecord]]]:
    """{name of an array submission: {shard: its newest job}} from event logs: no call at all."""
    return {
        sub.name: scheduler.by_shard(sub, read_event_log(out / sub.events))
        for sub in submissions
        if sub.kind == "array" and sub.events
    }


def _from_history(scheduler: Scheduler, command: Sequence[str], ask: Ask) -> dict[JobRef, JobRecord] | None:
    try:
        return scheduler.parse_history(ask(command))
    except SchedulerError:
        return None  # no sacct on this machine: the parts know what is done
