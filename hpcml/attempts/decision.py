"""What a resume submits: which units, with which request, or nothing and why. Pure: no file, no call.

`survey` reads what a decision needs of the campaign directory; `decide` is a function of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.attempts.jobs import Jobs
from hpcml.attempts.outcomes import StepOutcomes, step_outcomes
from hpcml.attempts.request import Request, next_request
from hpcml.campaign import Resources
from hpcml.directory.attempts import shard_units
from hpcml.directory.history import History
from hpcml.directory.opened import OpenStep
from hpcml.directory.selection import others_left
from hpcml.store.ledger import Ledger

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Survey:
    """What a decision needs to know of a step besides history, jobs and ledger.

    root: campaign directory, for messages. keys: of all units, by number. planned, options: the
    job file's request, the site's options. units_of:
    {attempt: unit numbers of each of its shards} of the attempts that have live jobs. outcomes: how jobs
    that are over ended.
    """

    root: str
    step: str
    keys: Sequence[str]
    planned: Resources
    max_attempts: int
    options: Mapping[str, Any] = field(default_factory=dict)
    units_of: Mapping[int, Sequence[NDArray[np.int64]]] = field(default_factory=dict)
    outcomes: StepOutcomes = field(default_factory=StepOutcomes)


@dataclass(frozen=True, slots=True)
class Decision:
    """submit: is there anything to submit? units: the numbers to compute, none when only the merge is
    wanted. shards: into how many they are cut. messages: why and what. refusal: (message, hint) of the
    error that a person gets instead. others: missing units that were not chosen, nor are computed."""

    submit: bool
    units: NDArray[np.int64]
    shards: int = 0
    request: Request | None = None
    messages: tuple[str, ...] = ()
    refusal: tuple[str, str] | None = None
    others: int = 0


def survey(step: OpenStep, jobs: Jobs, ledger: Ledger) -> Survey:
    attempts = {job.attempt for job in jobs.of(step.name) if job.record.state.is_live}
    return Survey(
        root=str(step.opened.root),
        step=step.name,
        keys=[key.decode() for key in step.units().keys.tolist()],
        planned=step.plan.resources,
        max_attempts=step.plan.max_attempts,
        options=step.opened.campaign.site.options,
        units_of={attempt: shard_units(step, attempt) for attempt in sorted(attempts)},
        outcomes=step_outcomes(step, jobs, ledger),
    )


def decide(
    history: History,
    jobs: Jobs,
    ledger: Ledger,
    known: Survey,
    *,
    shards: int = 0,
    automatic: bool = False,
    only: NDArray[np.int64] | None = None,
) -> Decision:
    """What to submit of a step that is not merged.

    Units of jobs that are queued, held or running are left to them. shards: into how many, 0 for the job
    file's number. automatic: a merge job asks, so only failures that another try
    can get past are tried again. only: numbers of the units that were chosen, None for all.
    """
    missing = ledger.missing if only is None else np.intersect1d(ledger.missing, only)
    others = len(ledger.missing) - len(missing)
    busy = _units_of_live_jobs(jobs, known)
    failed = _units_at_limit(history, known, missing)
    wanted = np.setdiff1d(np.setdiff1d(missing, busy), failed)
    messages = [others_left(known.step, others)] if others else []
    if len(busy):
        left = len(np.intersect1d(missing, busy))
        messages.append(f"{known.step}: {left} units are left to jobs that are queued or running")
    if len(failed):
        messages.append(
            f"{known.step}: {len(failed)} units failed {known.max_attempts}x and are not tried again"
            " (--retry-failed does)"
        )
    # a submit that was cut off may have left an array in the queue and no job to merge it
    to_merge = not len(missing) or (len(busy) > 0 and not jobs.merging(known.step))
    nothing = not len(wanted) and (others > 0 or not to_merge)
    if nothing and 0 < len(failed) == len(missing) and not automatic:
        hint = f"fix what fails, then `hpcml resume {known.root} --retry-failed`"
        return Decision(False, wanted, refusal=(messages[-1], hint))
    if nothing:
        return Decision(False, wanted, messages=(*messages, "nothing to submit"))
    request = next_request(
        known.step,
        known.planned,
        known.options,
        history,
        known.outcomes,
        done=len(ledger.done) - len(ledger.missing),
        automatic=automatic,
    )
    messages += request.reasons
    if automatic and not request.retry_helps:
        return Decision(False, wanted, request=request, messages=(*messages, "not tried again by itself"))
    count = min(shards or known.planned.shards, len(wanted))
    return Decision(True, wanted, count, request, tuple(messages), others=others)


def _units_of_live_jobs(jobs: Jobs, known: Survey) -> NDArray[np.int64]:
    """Unit numbers that a queued, held or running job will still compute."""
    live = [job for job in jobs.of(known.step) if job.record.state.is_live]
    found = [known.units_of[job.attempt][job.shard] for job in live]
    return np.concatenate([np.empty(0, np.int64), *found])


def _units_at_limit(history: History, known: Survey, missing: NDArray[np.int64]) -> NDArray[np.int64]:
    failed = history.failures(known.step).at_limit(known.max_attempts)
    return np.array([number for number in missing.tolist() if known.keys[number] in failed], np.int64)
