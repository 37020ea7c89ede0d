"""Take a campaign's jobs out of the queue. Everything recorded stays; `resume` goes on."""

from __future__ import annotations

from hpcml.attempts.refresh import jobs_of
from hpcml.attempts.submission import refuse_local
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import SchedulerError
from hpcml.schedulers import shell
from hpcml.schedulers.base import JobRef, refused, scheduler
from hpcml.store.journal import Journal


def cancel(opened: OpenCampaign, *, dry_run: bool = False) -> tuple[list[str], int]:
    """(the call, number of live jobs) that ends all jobs of the campaign; ([], 0) when none is left."""
    refuse_local(opened)
    jobs = jobs_of(opened)
    if jobs.error:
        raise SchedulerError(f"cannot cancel: {jobs.error}", "try again when the scheduler answers")
    live = jobs.live
    if not live:
        return [], 0
    who = scheduler(opened.campaign.site.scheduler)
    dags = [ref for sub, ref, record in jobs.merges_and_dags if sub.kind == "dag" and record.state.is_live]
    # a DAG that is removed takes its nodes with it; an array is cancelled as a whole
    whole = dags or sorted({JobRef(ref.job) for ref in live})
    command = who.cancel_command(whole)
    if not dry_run:
        reply = shell.ask(command)
        if reply.code:
            raise refused(f"{command[0]} refused", reply)
        Journal(opened.layout.journal).write("cancelled", jobs=sorted({ref.job for ref in whole}))
    return command, len(live)
