"""Takes a campaign's jobs out of the queue. Everything recorded stays; `resume` goes on."""

from __future__ import annotations

from hpcml.attempts.jobs import read_jobs
from hpcml.attempts.refresh import refresh
from hpcml.attempts.submission import refuse_local
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import SchedulerError
from hpcml.schedulers import shell
from hpcml.schedulers.base import JobRef, refused, scheduler
from hpcml.store.journal import Journal


def cancel(opened: OpenCampaign, *, dry_run: bool = False) -> tuple[list[str], int]:
    """(the call, number of live jobs) that ends all jobs of the campaign; ([], 0) when none is left."""
    refuse_local(opened)
    refreshed = refresh(opened)
    jobs = read_jobs(opened, refreshed.history, error=refreshed.error)
    if jobs.error:
        raise SchedulerError(f"cannot cancel: {jobs.error}", "try again when the scheduler answers")
    live = jobs.live
    if not live:
        return [], 0
    # an owner that is removed takes its jobs with it; an array is cancelled as one
    targets = jobs.live_owners or sorted({JobRef(ref.job) for ref in live})
    command = scheduler(opened.campaign.site.scheduler).cancel_command(targets)
    if not dry_run:
        reply = shell.ask(command)
        if reply.code:
            raise refused(f"{command[0]} refused", reply)
        Journal(opened.layout.journal).write("cancelled", jobs=sorted({ref.job for ref in targets}))
    return command, len(live)
