"""The scheduler's jobs of a campaign: what the journal recorded and what the scheduler says, as one.

One call whatever the number of shards, none for HTCondor's event logs. Nothing is written here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import SchedulerError, UsageError
from hpcml.schedulers import shell
from hpcml.schedulers.attempt_spec import job_tag
from hpcml.schedulers.base import JobRecord, JobRef, Scheduler, Submission, scheduler
from hpcml.schedulers.queries import event_records, job_records
from hpcml.states import JobState


@dataclass(frozen=True, slots=True)
class ShardJob:
    """The job of one shard in one attempt."""

    step: str
    attempt: int
    shard: int
    ref: JobRef
    record: JobRecord


@dataclass(slots=True)
class Jobs:
    """attempts: numbers of those submitted, ascending. shards: a job for each.
    error: why the scheduler did not answer, then every job of it is UNKNOWN."""

    attempts: list[int] = field(default_factory=list)
    shards: list[ShardJob] = field(default_factory=list)
    merges_and_dags: list[tuple[Submission, JobRef, JobRecord]] = field(default_factory=list)
    error: str = ""

    @property
    def live(self) -> list[JobRef]:
        """Jobs that are queued, held or running."""
        found = [job.ref for job in self.shards if job.record.state.is_live]
        return found + [ref for _, ref, record in self.merges_and_dags if record.state.is_live]

    def of(self, step: str) -> list[ShardJob]:
        """The shard jobs of a step, of all attempts."""
        return [job for job in self.shards if job.step == step]

    def merging(self, step: str) -> bool:
        """Is a merge job of the step queued, held or running?"""
        return any(
            submission.kind == "merge" and submission.step == step and record.state.is_live
            for submission, _, record in self.merges_and_dags
        )

    @property
    def live_owners(self) -> list[JobRef]:
        """Jobs that are queued, held or running and own all jobs of their attempt (HTCondor's DAGs)."""
        return [
            ref
            for submission, ref, record in self.merges_and_dags
            if submission.owns_all and record.state.is_live
        ]

    def newest(self, step: str) -> dict[int, ShardJob]:
        """{shard: job} of the last attempt that has jobs for the step."""
        last = max((job.attempt for job in self.of(step)), default=0)
        return {job.shard: job for job in self.of(step) if job.attempt == last}


def current_jobs(opened: OpenCampaign, history: History) -> Jobs:
    """What the scheduler knows of the campaign, jobs whose submit reply was lost included."""
    error = ""
    try:
        history = history.with_entries(*find_lost_jobs(opened, history))
    except SchedulerError as silence:
        error = silence.message
    return read_jobs(opened, history, error=error)


def find_lost_jobs(opened: OpenCampaign, history: History) -> list[dict[str, Any]]:
    """Journal entries, not written yet, for jobs whose submit reply was lost: found by the tag they carry."""
    lost = history.lost_replies()
    if not lost:
        return []
    who = scheduler(opened.campaign.site.scheduler)
    found = []
    for entry in lost:
        tag = job_tag(opened.campaign, int(entry["attempt"]), str(entry["name"]))
        command = who.find_command(tag)
        for job in who.parse_find(shell.ask(command), tag)[-1:] if command else ():
            names = {name: entry[name] for name in ("time", "attempt", "name", "step")}
            found.append({**names, "event": "submitted", "job": job, "scheduler": who.name})
    return found


def read_jobs(opened: OpenCampaign, history: History, *, error: str = "") -> Jobs:
    """All jobs of the campaign that are recorded as submitted. error: the scheduler was asked just now,
    and this is why it did not answer."""
    words = history.of("submitted")
    jobs = Jobs(sorted({int(word["attempt"]) for word in words}), error=error)
    if not words:
        return jobs
    from hpcml.attempts.rendering import read_submissions  # not for campaigns that were never submitted

    who = scheduler(str(words[-1]["scheduler"]))
    since = float(words[0]["time"]) - 60
    plain: list[tuple[int, Submission, str]] = []
    for attempt in jobs.attempts:
        try:
            submissions = read_submissions(opened.layout.attempt_folder(attempt))
        except UsageError:
            continue  # the rendered files were removed: what is done is still on disk
        ids = {str(word["name"]): str(word["job"]) for word in words if word["attempt"] == attempt}
        _add_from_events(opened, who, attempt, submissions, ids, jobs)
        plain += [
            (attempt, submission, ids[submission.name])
            for submission in submissions
            if submission.name in ids and not submission.events
        ]
    _add_asked(who, plain, since, jobs)
    return jobs


def _add_from_events(
    opened: OpenCampaign,
    who: Scheduler,
    attempt: int,
    submissions: tuple[Submission, ...],
    ids: dict[str, str],
    jobs: Jobs,
) -> None:
    """HTCondor writes what happens to a log beside the files: no call, and it works without the schedd."""
    folder = opened.layout.attempt_folder(attempt)
    for name, shards in event_records(who, folder, submissions).items():
        step = next(one.step for one in submissions if one.name == name)
        jobs.shards += [
            ShardJob(step, attempt, shard, ref, record) for shard, (ref, record) in sorted(shards.items())
        ]
    for submission in submissions:
        if submission.events and submission.kind != "array":
            records = who.read_events(folder / submission.events)
            if not records and submission.name in ids:
                records = {JobRef(ids[submission.name]): JobRecord(JobState.PENDING)}
            for ref, record in sorted(records.items())[-1:]:
                jobs.merges_and_dags.append((submission, ref, record))


def _add_asked(who: Scheduler, plain: list[tuple[int, Submission, str]], since: float, jobs: Jobs) -> None:
    refs = [
        JobRef(job, who.index_of(shard, submission))
        for _, submission, job in plain
        for shard in submission.shards
    ]
    refs += [JobRef(job) for _, submission, job in plain if not submission.shards]
    if not refs:
        return
    records = dict.fromkeys(refs, JobRecord(JobState.UNKNOWN))
    if not jobs.error:
        try:
            records = job_records(who, refs, since=since)
        except SchedulerError as error:
            jobs.error = error.message
    for attempt, submission, job in plain:
        if submission.shards:
            mine = {ref: record for ref, record in records.items() if ref.job == job}
            found = who.by_shard(submission, mine)
            jobs.shards += [
                ShardJob(submission.step, attempt, shard, ref, record)
                for shard, (ref, record) in sorted(found.items())
            ]
        else:
            jobs.merges_and_dags.append((submission, JobRef(job), records[JobRef(job)]))
