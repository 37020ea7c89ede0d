"""Takes into the campaign what jobs left: lost submit replies, output archives."""

from __future__ import annotations

from hpcml.attempts.jobs import Jobs, read_jobs
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import SchedulerError
from hpcml.schedulers import shell
from hpcml.schedulers.base import scheduler
from hpcml.store.journal import Journal, read_journal


def lost_replies(opened: OpenCampaign) -> list[dict[str, object]]:
    """Submissions that were begun and never answered (the machine died, the scheduler was silent)."""
    answered = {(word["attempt"], word["name"]) for word in read_journal(opened.layout.journal, "submitted")}
    begun = read_journal(opened.layout.journal, "submitting")
    return [word for word in begun if (word["attempt"], word["name"]) not in answered]


def recover_lost_replies(opened: OpenCampaign) -> list[str]:
    """Find jobs whose submit reply was lost by the tag they carry, and record their ids."""
    lost = lost_replies(opened)
    who = scheduler(opened.campaign.site.scheduler)
    journal = Journal(opened.layout.journal)
    found: list[str] = []
    for word in lost:
        tag = f"hpcml:{opened.campaign.identity}:{word['attempt']}:{word['name']}"
        command = who.find_command(tag)
        jobs = who.parse_find(shell.ask(command), tag) if command else []
        for job in jobs[-1:]:
            journal.write(
                "submitted",
                attempt=word["attempt"],
                name=word["name"],
                step=word["step"],
                job=job,
                scheduler=who.name,
            )
            found.append(job)
    return found


def jobs_of(opened: OpenCampaign) -> Jobs:
    """What the scheduler knows of the campaign, after adopting jobs whose submit reply was lost."""
    problem = ""
    if lost_replies(opened):
        try:
            recover_lost_replies(opened)
        except SchedulerError as error:
            problem = error.message
    return read_jobs(opened, error=problem)
