"""Take a campaign's jobs out of the queue. Everything recorded stays; `resume` goes on.

What does not live here: which jobs there are (jobs.py), the scheduler's words (schedulers/).
"""

from __future__ import annotations

from hpcml.commands.jobs import jobs_of
from hpcml.commands.submit import refuse_local
from hpcml.errors import SchedulerError
from hpcml.opening import OpenCampaign
from hpcml.schedulers import shell
from hpcml.schedulers.base import JobRef, refused, scheduler
from hpcml.store.journal import Journal


def cancel(opened: OpenCampaign, *, dry_run: bool = False) -> tuple[list[str], int]:
    """(the call, number of live jobs) that ends all jobs of the campaign; ([], 0) when none is left."""
    refuse_local(opened)
    jobs = jobs_of(opened)
    if jobs.silent:
        raise SchedulerError(f"cannot cancel: {jobs.silent}", "try again when the scheduler answers")
    live = jobs.live
    if not live:
        return [], 0
    who = scheduler(opened.campaign.site.scheduler)
    dags = [ref for sub, ref, record in jobs.whole if sub.kind == "dag" and record.state.is_live]
    # a DAG that is removed takes its nodes with it; an array is cancelled as a whole
    whole = dags or sorted({JobRef(ref.job) for ref in live})
    command = who.cancel_command(whole)
    if not dry_run:
        reply = shell.ask(command)
        if reply.code:
            raise refused(f"{command[0]} refused", reply)
        Journal(opened.layout.journal).write("cancelled", jobs=sorted({ref.job for ref in whole}))
    return command, len(live)
