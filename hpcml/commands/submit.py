"""Submit files -> scheduler -> job ids in the journal, before the command returns.

The order of the calls, the refusal to submit twice, a first try that was cut off in the middle.
"""

from __future__ import annotations

from hpcml.attempts.refresh import jobs_of
from hpcml.attempts.request import record_request
from hpcml.attempts.submission import SubmitResult, refuse_local, send, submittable_steps
from hpcml.directory.lock import exclusive_lock
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import SchedulerError, UsageError


def submit(opened: OpenCampaign, *, dry_run: bool = False) -> SubmitResult:
    """Submit every step that is not merged, chained. UsageError when something is submitted already."""
    refuse_local(opened)
    with exclusive_lock(opened):
        jobs = jobs_of(opened)
        if jobs.error:
            raise SchedulerError(
                f"an earlier submit got no answer, and the scheduler is still error: {jobs.error}",
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
        for step in () if dry_run else steps:
            done = int(step.ledger().done.sum()) if step.listed() else 0
            record_request(step, step.plan.resources, done=done)
        return send(opened, opened.campaign, shards, dry_run=dry_run, waiting=waiting)
