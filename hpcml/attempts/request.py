"""What the next attempt of a step asks for: more memory or time, other nodes, or nothing at all.

The last request, and what the endings of its jobs make of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from hpcml.attempts.jobs import Jobs
from hpcml.attempts.outcomes import JobOutcome, StepOutcomes, step_outcomes
from hpcml.campaign import Resources
from hpcml.directory.opened import OpenStep
from hpcml.quantities import parse_memory, parse_walltime
from hpcml.schedulers.failures import Failure, Try, next_try
from hpcml.store.journal import Journal, read_journal
from hpcml.store.ledger import Ledger

# attempts of a step, one after the other, that recorded nothing new: then merge jobs start none by themselves
MAX_TRIES = 5


@dataclass(frozen=True, slots=True)
class Request:
    """curable: every failure is of a class that another try can cure. exclude: nodes to keep away from.
    remedies: by class, where they depend on what was asked for. words: why, a line for each class.
    """

    resources: Resources
    exclude: tuple[str, ...]
    outcomes: StepOutcomes
    words: tuple[str, ...]
    curable: bool
    remedies: Mapping[Failure, str]


@dataclass(frozen=True, slots=True)
class _Last:
    """What the last attempt asked for. changed: the job file says something else since, and that counts.
    forgiven: `--retry-failed` was said since."""

    resources: Resources
    exclude: tuple[str, ...] = ()
    changed: bool = False
    forgiven: bool = False


def record_request(
    step: OpenStep,
    resources: Resources,
    *,
    done: int,
    exclude: Sequence[str] = (),
    why: Sequence[str] = (),
) -> None:
    """What an attempt asks for, why, and with how many units recorded: the next request starts from it."""
    Journal(step.opened.layout.journal).write(
        "resources",
        step=step.name,
        memory=resources.memory,
        walltime=resources.walltime,
        planned=_planned(step),
        done=done,
        exclude=list(exclude),
        why=list(why),
    )


def request(step: OpenStep, jobs: Jobs, ledger: Ledger, *, automatic: bool = False) -> Request:
    """From how the step's last jobs ended. automatic: a merge job asks, whose tries are bounded."""
    last = _last_request(step)
    resources = last.resources
    found = step_outcomes(step, jobs, ledger)
    failed: dict[Failure, list[JobOutcome]] = {}
    for one in found.found:
        if one.diagnosis.failure is not None:
            failed.setdefault(one.diagnosis.failure, []).append(one)
    words: list[str] = []
    remedies: dict[Failure, str] = {}
    curable = False
    tries = _attempts_without_progress(step, int(ledger.done.sum())) if automatic else 0
    for failure, mine in sorted(failed.items()):
        over = [one for one in mine if not one.record.state.is_live]
        step_on = _next(step, failure, mine, resources, tries=tries)
        if last.changed and failure in (Failure.MEMORY, Failure.TIME):
            step_on = Try(True, resources, why="what the job file says since")
        if failure is Failure.MEMORY:
            remedies[failure] = _memory_remedy(step_on, held=not over)
        if over:
            curable = step_on.again and (curable or not words)
            resources = step_on.resources
            words.append(
                f"{step.name}: {len(over)} shard(s) ended by {failure.value}"
                + (f": {step_on.why}" if step_on.why else "")
            )
    nodes = tuple(sorted({*last.exclude, *(() if last.forgiven else found.bad)}))
    if nodes:
        words.append(f"{step.name}: it keeps away from {', '.join(nodes)}, where jobs failed")
    return Request(resources, nodes, found, tuple(words), curable, remedies)


def _next(
    step: OpenStep, failure: Failure, mine: list[JobOutcome], resources: Resources, *, tries: int
) -> Try:
    options = step.opened.campaign.site.options
    memory, walltime = options.get("memory_ceiling"), options.get("walltime_ceiling")
    return next_try(
        failure,
        resources,
        tries=tries,
        max_tries=MAX_TRIES,
        memory_ceiling=parse_memory(memory) if memory is not None else None,
        walltime_ceiling=parse_walltime(walltime) if walltime is not None else None,
        memory_peak=max(one.record.memory_peak for one in mine),
        memory_given=max(one.record.memory_given for one in mine),
    )


def _attempts_without_progress(step: OpenStep, done: int) -> int:
    """How many of the step's last attempts began with all the units recorded that there are now."""
    words = read_journal(step.opened.layout.journal, "resources")
    before = [word.get("done") for word in words if word["step"] == step.name]
    return len(list(takewhile(lambda one: one == done, reversed(before))))


def _memory_remedy(step_on: Try, *, held: bool) -> str:
    cancel = "`hpcml cancel`, then " if held else ""
    if not step_on.again:
        return f"{cancel}{step_on.why}; `hpcml plan` what you changed, then `hpcml resume`"
    itself = "below options.memory_ceiling of the site it starts again by itself; else " if held else ""
    return f"{itself}{cancel}`hpcml resume`, which asks for {step_on.why}"


def _last_request(step: OpenStep) -> _Last:
    last = _Last(step.plan.resources)
    for word in read_journal(step.opened.layout.journal, "resources", "failures-forgiven", "submitted"):
        if word["event"] == "submitted":
            last = replace(last, forgiven=False)
        elif word["step"] != step.name:
            continue
        elif word["event"] == "failures-forgiven":
            last = replace(last, exclude=(), forgiven=True)
        else:
            changed = word["planned"] != _planned(step)
            grown = {} if changed else {"memory": word["memory"], "walltime": word["walltime"]}
            asked = replace(step.plan.resources, **grown)
            last = replace(last, resources=asked, exclude=tuple(word["exclude"]), changed=changed)
    return last


def _planned(step: OpenStep) -> list[int]:
    asked = step.plan.resources
    return [asked.ranks, asked.memory, asked.walltime]
