"""Takes into the campaign what jobs left: output archives, and job ids whose submit reply was lost.

Verbs that write call it first. Verbs that only read see the same without it (directory/intake.py,
attempts/jobs.py), and leave the campaign as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from hpcml.attempts.jobs import find_lost_jobs
from hpcml.directory.history import History
from hpcml.directory.intake import ingest
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import SchedulerError
from hpcml.store.journal import Journal


@dataclass(frozen=True, slots=True)
class Refreshed:
    """history: the journal, with recovered job ids. problems: archives that were set aside.
    error: why the scheduler did not answer, or ''."""

    history: History
    problems: tuple[str, ...] = ()
    error: str = ""


def refresh(opened: OpenCampaign) -> Refreshed:
    """Ingest output archives, then record the ids of jobs whose submit reply was lost."""
    problems = tuple(ingest(opened))
    history = History.read(opened.layout.journal)
    try:
        found = find_lost_jobs(opened, history)
    except SchedulerError as silence:
        return Refreshed(history, problems, silence.message)
    journal = Journal(opened.layout.journal)
    written = []
    for entry in found:
        names = {name: entry[name] for name in ("attempt", "name", "step", "job", "scheduler")}
        written.append(journal.write("submitted", **names))
    return Refreshed(history.with_entries(*written), problems)
