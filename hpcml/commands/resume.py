"""What is missing becomes one more attempt on the cluster: other shards, larger requests, other nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hpcml.attempts.decision import Decision, decide, survey
from hpcml.attempts.jobs import Jobs, read_jobs
from hpcml.attempts.refresh import refresh
from hpcml.attempts.request import request_entry
from hpcml.attempts.submission import SubmitResult, refuse_local, send, submittable_steps
from hpcml.campaign import Campaign, Resources
from hpcml.directory.attempts import attempt_pattern, forgive_failures, next_attempt, write_attempt
from hpcml.directory.history import History
from hpcml.directory.listing import ensure_listed
from hpcml.directory.lock import exclusive_lock
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.directory.selection import matching_units, refuse_no_match
from hpcml.errors import Incomplete, SchedulerError, UsageError
from hpcml.schedulers.base import scheduler
from hpcml.states import JobState
from hpcml.store.journal import Journal


@dataclass(frozen=True, slots=True)
class ResumeResult:
    """sent: what was submitted, None when there was nothing to submit. messages: why and what.

    attempt: the newest that was submitted, this one included; its merge says how the campaign ended.
    """

    sent: SubmitResult | None = None
    messages: tuple[str, ...] = ()
    attempt: int = 0


def resume(
    opened: OpenCampaign,
    *,
    shards: int = 0,
    retry_failed: Sequence[str] = (),
    dry_run: bool = False,
    automatic: int = 0,
    units: str = "",
) -> ResumeResult:
    """Submit what is missing of the first unfinished step, and all later ones.

    Units of jobs that are queued or running are left to them. retry_failed: names of the steps whose
    failures are forgiven first. automatic: the attempt whose merge job asks, so only failures that another
    try can get past are tried again (schedulers/failures.py), and only units that the attempt wanted.
    units: a glob over unit keys; only these are submitted, without later steps unless they complete theirs.
    Raises SchedulerError when the scheduler does not say what is running: nothing is submitted then.
    """
    refuse_local(opened)
    with exclusive_lock(opened):
        refreshed = refresh(opened)
        history = refreshed.history.with_entries(*forgive_failures(opened, retry_failed))
        jobs = read_jobs(opened, history, error=refreshed.error)
        if jobs.error:
            raise SchedulerError(
                f"cannot resume while the scheduler does not say what is running: {jobs.error}",
                "try again when it answers; nothing is lost",
            )
        if not jobs.attempts and not units:
            raise UsageError(f"{opened.campaign.name} was not submitted yet", f"`hpcml submit {opened.root}`")
        newest = max(jobs.attempts, default=0)
        if all(step.finished() for step in opened.steps):
            return ResumeResult(messages=("every step is merged: nothing to resume",))
        if jobs.live_owners:
            held = sum(job.record.state is JobState.HELD for job in jobs.shards)
            advice = scheduler(opened.campaign.site.scheduler).busy_advice
            return ResumeResult(messages=(advice(jobs.live_owners[0].job, held, opened.root),))
        steps, waiting = submittable_steps(opened)
        first = steps[0]
        if not ensure_listed(first):
            raise Incomplete(f"step {first.name!r} waits for {', '.join(first.earlier_steps())}")
        ledger = first.ledger()
        known = survey(first, jobs, ledger)
        pattern = units or attempt_pattern(first, automatic)
        if pattern:
            refuse_no_match([first], pattern)
        only = matching_units(first, pattern) if pattern else None
        decision = decide(history, jobs, ledger, known, shards=shards, automatic=automatic > 0, only=only)
        if decision.refusal:
            raise Incomplete(*decision.refusal)
        if not decision.submit:
            return ResumeResult(messages=decision.messages, attempt=newest)
        if decision.others:  # its merge cannot succeed yet
            steps, waiting = [first], ()
        done = int(ledger.done.sum())
        sent = carry_out(
            decision, opened, steps, jobs, history,
            done=done, waiting=waiting, dry_run=dry_run, pattern=pattern,
        )  # fmt: skip
        return ResumeResult(sent, decision.messages, max(sent.attempt, newest))


def carry_out(
    decision: Decision,
    opened: OpenCampaign,
    steps: list[OpenStep],
    jobs: Jobs,
    history: History,
    *,
    done: int,
    waiting: tuple[str, ...],
    dry_run: bool,
    pattern: str,
) -> SubmitResult:
    """Write down what the attempt computes and asks for, render it, submit it.

    steps: the first is the one that was decided about, the others are submitted behind it. done: units of
    it that are recorded. waiting: names of steps behind one that runs on this machine. pattern: the glob
    that chose the units.
    """
    assert decision.request is not None
    first, request = steps[0], decision.request
    attempt = next_attempt(opened, history)
    if len(decision.units) and not dry_run:
        attempt = write_attempt(first, history, decision.shards, decision.units, pattern=pattern)
    shards = {step.name: range(step.plan.resources.shards) for step in steps}
    shards[first.name] = range(decision.shards)
    if not dry_run:
        planned = first.plan.resources
        entry = request_entry(
            first.name,
            planned,
            request.resources,
            done=done,
            exclude=request.exclude,
            reasons=request.reasons,
        )
        Journal(opened.layout.journal).write("resources", **entry)
    return send(
        opened,
        _with_resources(opened.campaign, first.name, request.resources),
        shards,
        attempt=attempt,
        dry_run=dry_run,
        exclude=request.exclude,
        # the merge also waits for shards of earlier attempts that still run
        after={first.name: sorted({job.ref.job for job in jobs.shards if job.record.state.is_live})},
        waiting=waiting,
    )


def _with_resources(campaign: Campaign, name: str, resources: Resources) -> Campaign:
    steps = tuple(
        replace(step, resources=resources) if step.name == name else step for step in campaign.steps
    )
    return replace(campaign, steps=steps)
