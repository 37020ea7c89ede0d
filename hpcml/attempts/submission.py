"""Submit files to the scheduler; job ids in the journal before the call returns.

Each call is recorded before it is made and after it is answered, so a lost reply is known to be lost, and
nothing is submitted twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpcml.attempts.rendering import read_submissions, render
from hpcml.campaign import Campaign, SchedulerName
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.errors import SchedulerError, UsageError
from hpcml.schedulers import shell
from hpcml.schedulers.base import Scheduler, Submission, scheduler
from hpcml.store.journal import Journal

SUBMIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """What one attempt submitted: {name: job id}, and the calls it took (or would take)."""

    attempt: int
    folder: Path
    jobs: dict[str, str]
    calls: list[list[str]] = field(default_factory=list)
    waiting: tuple[str, ...] = ()


def refuse_local(opened: OpenCampaign) -> None:
    if opened.campaign.site.scheduler == SchedulerName.LOCAL:
        raise UsageError(
            f"site {opened.campaign.site.name!r} has no scheduler to submit to",
            f"`hpcml run {opened.root}` computes here; `hpcml plan JOB --site slurm` plans for a cluster",
        )


def submittable_steps(opened: OpenCampaign) -> tuple[list[OpenStep], tuple[str, ...]]:
    """Unfinished steps up to the first that must run here, and the names of those behind it."""
    unfinished = [step for step in opened.steps if not step.finished()]
    if not unfinished:
        raise UsageError(f"every step of {opened.campaign.name} is merged: nothing to submit")
    here = next((step for step in unfinished if step.plan.where == "here"), None)
    if here is None:
        return unfinished, ()
    if here is unfinished[0]:
        raise UsageError(
            f"step {here.name!r} is marked `where: here`: it runs on this machine, before the others",
            f"`hpcml run {opened.root} --step {here.name}`, then submit again",
        )
    at = unfinished.index(here)
    return unfinished[:at], tuple(step.name for step in unfinished[at:])


def send(
    opened: OpenCampaign,
    campaign: Campaign,
    shards: Mapping[str, Sequence[int]],
    *,
    attempt: int,
    dry_run: bool = False,
    exclude: Sequence[str] = (),
    after: Mapping[str, Sequence[str]] | None = None,
    waiting: tuple[str, ...] = (),
) -> SubmitResult:
    """Render one attempt and submit it.

    campaign: with the resources of this attempt. after: {step: job ids whose end its merge also
    waits for} (shards of an earlier attempt that still run).
    """
    folder = opened.layout.attempt_folder(attempt)
    render(opened.root, campaign, attempt=attempt, shards=shards, out=folder, exclude=exclude)
    who = scheduler(campaign.site.scheduler)
    journal = Journal(opened.layout.journal)
    sent = SubmitResult(attempt, folder, {}, [], waiting)
    for submission in read_submissions(folder):
        if submission.within:
            sent.jobs[submission.name] = ""  # the DAG submits it
            continue
        waits = [sent.jobs[name] for name in submission.after]
        if submission.kind == "merge":
            waits += (after or {}).get(submission.step, ())
        command = who.submit_command(folder / submission.file, after=waits)
        sent.calls.append(command)
        if dry_run:
            sent.jobs[submission.name] = f"<{submission.name}>"
            continue
        words = {"attempt": attempt, "name": submission.name, "step": submission.step}
        journal.write("submitting", **words)
        sent.jobs[submission.name] = job = _call(who, command, opened, submission)
        journal.write("submitted", **words, job=job, scheduler=who.name)
    return sent


def _call(who: Scheduler, command: list[str], opened: OpenCampaign, submission: Submission) -> str:
    """Submit once, never twice: a reply that got lost is looked up by the job's tag later."""
    try:
        return who.parse_submit(shell.run(command, timeout=SUBMIT_SECONDS))
    except SchedulerError as error:
        raise SchedulerError(
            f"{submission.name} of {opened.campaign.name}: {error.message}",
            error.hint or f"what was submitted before it is recorded; `hpcml resume {opened.root}` goes on",
        ) from error
