"""What the next attempt of a step asks for: more memory or time, other nodes, or nothing at all.

Computed from the last request and from how its jobs ended; nothing is asked or written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from hpcml.attempts.outcomes import JobOutcome, StepOutcomes
from hpcml.campaign import Resources
from hpcml.directory.history import History
from hpcml.quantities import parse_memory, parse_walltime
from hpcml.schedulers.failures import Failure, Try, next_try

# attempts of a step, one after the other, that recorded nothing new: then merge jobs start none by themselves
MAX_TRIES = 5


@dataclass(frozen=True, slots=True)
class Request:
    """retry_helps: every failure is of a class that another try can get past. exclude: nodes to avoid.
    remedies: by class, where they depend on what was asked for. reasons: a line for each class.
    """

    resources: Resources
    exclude: tuple[str, ...]
    outcomes: StepOutcomes
    reasons: tuple[str, ...]
    retry_helps: bool
    remedies: Mapping[Failure, str]


@dataclass(frozen=True, slots=True)
class _Last:
    """What the last attempt asked for. changed: the job file asks for something else since, and that counts.
    forgiven: `--retry-failed` was given since."""

    resources: Resources
    exclude: tuple[str, ...] = ()
    changed: bool = False
    forgiven: bool = False


def request_entry(
    step: str,
    planned: Resources,
    resources: Resources,
    *,
    done: int,
    exclude: tuple[str, ...] = (),
    reasons: tuple[str, ...] = (),
) -> dict[str, Any]:
    """What the journal keeps of an attempt's request, under the event `resources`: the next starts from it.

    done: units of the step that were recorded when it was made.
    """
    return {
        "step": step,
        "memory": resources.memory,
        "walltime": resources.walltime,
        "planned": _key_of(planned),
        "done": done,
        "exclude": list(exclude),
        "why": list(reasons),
    }


def next_request(
    step: str,
    planned: Resources,
    options: Mapping[str, Any],
    history: History,
    outcomes: StepOutcomes,
    *,
    done: int,
    automatic: bool = False,
) -> Request:
    """From how the step's last jobs ended.

    planned: what the job file asks for. options: of the site. done: units that are recorded. automatic: a
    merge job asks, whose tries are bounded.
    """
    last = _last_request(step, planned, history)
    resources = last.resources
    failed: dict[Failure, list[JobOutcome]] = {}
    for outcome in outcomes.found:
        if outcome.diagnosis.failure is not None:
            failed.setdefault(outcome.diagnosis.failure, []).append(outcome)
    reasons: list[str] = []
    remedies: dict[Failure, str] = {}
    retry_helps = False
    tries = _attempts_without_progress(step, history, done) if automatic else 0
    for failure, of_class in sorted(failed.items()):
        over = [outcome for outcome in of_class if not outcome.record.state.is_live]
        attempt = _next_try(failure, of_class, resources, options, tries=tries)
        if last.changed and failure in (Failure.MEMORY, Failure.TIME):
            attempt = Try(True, resources, why="what the job file asks for now")
        if failure is Failure.MEMORY:
            remedies[failure] = _memory_remedy(attempt, held=not over)
        if over:
            retry_helps = attempt.again and (retry_helps or not reasons)
            resources = attempt.resources
            why = f": {attempt.why}" if attempt.why else ""
            reasons.append(f"{step}: {len(over)} shard(s) ended by {failure.value}{why}")
    nodes = tuple(sorted({*last.exclude, *(() if last.forgiven else outcomes.bad)}))
    if nodes:
        reasons.append(f"{step}: it avoids {', '.join(nodes)}, where jobs failed")
    return Request(resources, nodes, outcomes, tuple(reasons), retry_helps, remedies)


def _next_try(
    failure: Failure,
    outcomes: list[JobOutcome],
    resources: Resources,
    options: Mapping[str, Any],
    *,
    tries: int,
) -> Try:
    memory, walltime = options.get("memory_ceiling"), options.get("walltime_ceiling")
    return next_try(
        failure,
        resources,
        tries=tries,
        max_tries=MAX_TRIES,
        memory_ceiling=parse_memory(memory) if memory is not None else None,
        walltime_ceiling=parse_walltime(walltime) if walltime is not None else None,
        memory_peak=max(outcome.record.memory_peak for outcome in outcomes),
        memory_given=max(outcome.record.memory_given for outcome in outcomes),
    )


def _attempts_without_progress(step: str, history: History, done: int) -> int:
    """How many of the step's last attempts began with all the units recorded that there are now."""
    before = [entry.get("done") for entry in history.of("resources", step=step)]
    return len(list(takewhile(lambda count: count == done, reversed(before))))


def _memory_remedy(attempt: Try, *, held: bool) -> str:
    cancel = "`hpcml cancel {root}`, then " if held else ""
    if not attempt.again:
        return f"{cancel}{attempt.why}; then `hpcml plan` the changed job file and `hpcml resume {{root}}`"
    itself = "below options.memory_ceiling of the site it starts again by itself; else " if held else ""
    return f"{itself}{cancel}`hpcml resume {{root}}`, which asks for {attempt.why}"


def _last_request(step: str, planned: Resources, history: History) -> _Last:
    last = _Last(planned)
    for entry in history.of("resources", "failures-forgiven", "submitted"):
        if entry["event"] == "submitted":
            last = replace(last, forgiven=False)
        elif entry["step"] != step:
            continue
        elif entry["event"] == "failures-forgiven":
            last = replace(last, exclude=(), forgiven=True)
        else:
            changed = entry["planned"] != _key_of(planned)
            grown = {} if changed else {"memory": entry["memory"], "walltime": entry["walltime"]}
            asked = replace(planned, **grown)
            last = replace(last, resources=asked, exclude=tuple(entry["exclude"]), changed=changed)
    return last


def _key_of(planned: Resources) -> list[int]:
    """What must not have changed in the job file for a grown request to hold."""
    return [planned.ranks, planned.memory, planned.walltime]
