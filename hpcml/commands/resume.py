"""What is missing -> one more attempt on the cluster: other shards, larger requests, other nodes.

Which units are nobody's any more, and their submission.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.attempts.jobs import Jobs
from hpcml.attempts.refresh import jobs_of
from hpcml.attempts.request import record_request, request
from hpcml.attempts.submission import SubmitResult, refuse_local, send, submittable_steps
from hpcml.campaign import Campaign
from hpcml.directory.attempts import attempt_numbers, next_attempt, write_attempt
from hpcml.directory.intake import ingest
from hpcml.directory.listing import ensure_listed
from hpcml.directory.lock import exclusive_lock
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.errors import Incomplete, SchedulerError, UsageError
from hpcml.schedulers.base import JobRef
from hpcml.states import JobState
from hpcml.store.ledger import failed_attempts
from hpcml.store.units import shard_bounds

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(slots=True)
class ResumeResult:
    """What a resume did. sent is None when there was nothing to submit; `words` say why and what.

    attempt: the newest that was submitted, this one included; its merge tells how the campaign ended.
    """

    sent: SubmitResult | None = None
    words: list[str] = field(default_factory=list)
    attempt: int = 0


def resume(
    opened: OpenCampaign, *, shards: int = 0, dry_run: bool = False, automatic: bool = False
) -> ResumeResult:
    """Submit what is missing of the first unfinished step, and all later ones.

    Units of jobs that are queued or running are left to them. automatic: called by a merge job, so
    only failures that another try can cure are tried again (schedulers/failures.py).
    Raises SchedulerError when the scheduler does not say what is running: nothing is submitted then.
    """
    refuse_local(opened)
    with exclusive_lock(opened):
        jobs = jobs_of(opened)
        if jobs.error:
            raise SchedulerError(
                f"cannot resume while the scheduler does not say what is running: {jobs.error}",
                "try again when it answers; nothing is lost",
            )
        if not jobs.attempts:
            raise UsageError(f"{opened.campaign.name} was not submitted yet", f"`hpcml submit {opened.root}`")
        if all(step.finished() for step in opened.steps):
            return ResumeResult(words=["every step is merged: nothing to resume"])
        dags = [
            ref for sub, ref, record in jobs.merges_and_dags if sub.kind == "dag" and record.state.is_live
        ]
        if dags:
            return ResumeResult(words=[_left_to_dag(opened, dags[0], jobs)])
        resumed = _resume(opened, jobs, shards, dry_run, automatic)
        resumed.attempt = max(resumed.attempt, *jobs.attempts)
        return resumed


def _resume(opened: OpenCampaign, jobs: Jobs, shards: int, dry_run: bool, automatic: bool) -> ResumeResult:
    ingest(opened)
    steps, waiting = submittable_steps(opened)
    first = steps[0]
    if not ensure_listed(first):
        raise Incomplete(f"step {first.name!r} waits for {', '.join(first.earlier_steps())}")
    busy = _units_of_live_jobs(first, jobs)
    ledger = first.ledger()
    missing = ledger.missing
    beyond = _beyond_attempts(first, missing)
    wanted = np.setdiff1d(np.setdiff1d(missing, busy), beyond)
    words = []
    if len(busy):
        words.append(f"{first.name}: {len(np.intersect1d(missing, busy))} units are left to jobs at work")
    if len(beyond):
        words.append(
            f"{first.name}: {len(beyond)} units failed {first.plan.max_attempts}x and are not tried again"
            " (--retry-failed does)"
        )
    merging = any(
        sub.kind == "merge" and sub.step == first.name and record.state.is_live
        for sub, _, record in jobs.merges_and_dags
    )
    # a submit that was cut off may have left an array at work and nobody to merge it
    if len(missing) and not len(wanted) and (merging or not len(busy)):
        if len(beyond) == len(missing) and not automatic:
            raise Incomplete(words[-1], "mend what fails, then `hpcml resume DIR --retry-failed`")
        return ResumeResult(words=[*words, "nothing to submit"])
    asked_for = request(first, jobs, ledger, automatic=automatic)
    if automatic and not asked_for.curable:
        return ResumeResult(words=[*words, *asked_for.words, "not tried again by itself"])
    attempt = next_attempt(opened)
    asked: dict[str, range] = {}
    if len(wanted):
        count = min(shards or first.plan.resources.shards, len(wanted))
        if dry_run:
            asked[first.name] = range(count)
        else:
            attempt, count = write_attempt(first, count, wanted)
            asked[first.name] = range(count)
    else:
        asked[first.name] = range(0)
    for step in steps[1:]:
        asked[step.name] = range(step.plan.resources.shards)
    live = {first.name: sorted({job.ref.job for job in jobs.shards if job.record.state.is_live})}
    campaign = _with_resources(opened.campaign, {first.name: asked_for.resources})
    if not dry_run:
        record_request(
            first,
            asked_for.resources,
            done=len(ledger.done) - len(missing),
            exclude=asked_for.exclude,
            why=asked_for.words,
        )
    sent = send(
        opened, campaign, asked, dry_run=dry_run, attempt=attempt, exclude=asked_for.exclude, after=live,
        waiting=waiting,
    )  # fmt: skip
    return ResumeResult(sent, [*words, *asked_for.words], attempt)


def _left_to_dag(opened: OpenCampaign, dag: JobRef, jobs: Jobs) -> str:
    held = sum(job.record.state is JobState.HELD for job in jobs.shards)
    if held:
        return (
            f"DAG {dag.job} waits for {held} held jobs: `hpcml explain {opened.root}` says why;"
            f" condor_release them, or `hpcml cancel {opened.root}` and resume"
        )
    return (
        f"DAG {dag.job} is still at work and tries again by itself:"
        f" `hpcml status {opened.root}`; `hpcml cancel {opened.root}` first to change anything"
    )


def _units_of_live_jobs(step: OpenStep, jobs: Jobs) -> NDArray[np.int64]:
    """Unit numbers that a queued, held or running job will still compute."""
    found: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    by_attempt: dict[int, list[int]] = {}
    for job in jobs.shards:
        if job.step == step.name and job.record.state.is_live:
            by_attempt.setdefault(job.attempt, []).append(job.shard)
    for attempt, live in by_attempt.items():
        numbers, shards = attempt_numbers(step, attempt)
        bounds = shard_bounds(step.units().cost[numbers], shards)
        found += [numbers[bounds[shard] : bounds[shard + 1]] for shard in live]
    return np.concatenate(found)


def _beyond_attempts(step: OpenStep, missing: NDArray[np.int64]) -> NDArray[np.int64]:
    counts, _ = failed_attempts(step.opened.layout, step.name)
    if not counts:
        return np.empty(0, np.int64)
    units = step.units()
    beyond = [n for n in missing.tolist() if counts.get(units.key(n), 0) >= step.plan.max_attempts]
    return np.array(beyond, np.int64)


def _with_resources(campaign: Campaign, changed: Mapping[str, Any]) -> Campaign:
    steps = tuple(
        replace(step, resources=changed[step.name]) if step.name in changed else step
        for step in campaign.steps
    )
    return replace(campaign, steps=steps)
