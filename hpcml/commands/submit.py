"""Submits every step that is not merged, chained; refuses to submit a campaign twice."""

from __future__ import annotations

from hpcml.attempts.jobs import read_jobs
from hpcml.attempts.refresh import refresh
from hpcml.attempts.request import request_entry
from hpcml.attempts.submission import SubmitResult, refuse_local, send, submittable_steps
from hpcml.directory.attempts import next_attempt
from hpcml.directory.lock import exclusive_lock
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import SchedulerError, UsageError
from hpcml.store.journal import Journal


def submit(opened: OpenCampaign, *, dry_run: bool = False) -> SubmitResult:
    """Submit every step that is not merged, chained. UsageError when something is submitted already."""
    refuse_local(opened)
    with exclusive_lock(opened):
        refreshed = refresh(opened)
        jobs = read_jobs(opened, refreshed.history, error=refreshed.error)
        if jobs.error:
            raise SchedulerError(
                f"an earlier submit got no answer, and the scheduler still does not answer: {jobs.error}",
                "try again when it answers: nothing is submitted twice",
            )
        if jobs.attempts:
            live = len(jobs.live)
            state = f"{live} jobs of it are queued or running" if live else "none of its jobs is left"
            raise UsageError(
                f"{opened.campaign.name} was submitted already (attempt {jobs.attempts[-1]}); {state}",
                f"`hpcml status {opened.root}`; `hpcml resume {opened.root}` submits what is missing",
            )
        steps, waiting = submittable_steps(opened)
        shards = {step.name: range(step.plan.resources.shards) for step in steps}
        journal = Journal(opened.layout.journal)
        for step in () if dry_run else steps:
            done = int(step.ledger().done.sum()) if step.listed() else 0
            planned = step.plan.resources
            journal.write("resources", **request_entry(step.name, planned, planned, done=done))
        attempt = next_attempt(opened, refreshed.history)
        return send(opened, opened.campaign, shards, attempt=attempt, dry_run=dry_run, waiting=waiting)
