"""Attempts at a step: their numbers, and the units and shards that each set out to compute."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.store.atomic import create_once
from hpcml.store.journal import Journal
from hpcml.store.sealed import UNIT_RANGE, ids_of, runs_of
from hpcml.store.units import shard_bounds

if TYPE_CHECKING:
    from numpy.typing import NDArray


def attempt_numbers(step: OpenStep, attempt: int) -> tuple[np.ndarray[Any, np.dtype[np.int64]], int]:
    """(unit numbers, shards) of an attempt.

    A resume writes them down for the step that it found unfinished; for the first attempt, and for
    steps whose units were not listed then, they are all units in the job file's shards.
    """
    try:
        raw = json.loads(step.layout.attempt(attempt).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return np.arange(len(step.units())), step.plan.resources.shards
    runs = np.array([tuple(run) for run in raw["units"]], UNIT_RANGE)
    return ids_of(runs), int(raw["shards"])


def attempt_pattern(step: OpenStep, attempt: int) -> str:
    """The glob over unit keys that an attempt was begun with (`--units`); empty when it wants all units."""
    try:
        raw = json.loads(step.layout.attempt(attempt).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    return str(raw.get("pattern", ""))


def next_attempt(opened: OpenCampaign, history: History) -> int:
    """One more than the largest attempt that was begun; what was only rendered may be written again."""
    begun = [int(entry["attempt"]) for entry in history.of("submitting", "shard-started")]
    # jobs print into their attempt's folder: it was submitted, whatever became of the journal
    begun += [_number(path.parent.parent.parent) for path in opened.layout.submit.glob("attempt-*/*/logs/*")]
    begun += [number for step in opened.steps for number in written_attempts(step)]
    return max(begun, default=0) + 1


def written_attempts(step: OpenStep) -> list[int]:
    """Numbers of the attempts whose units were written down."""
    return [_number(path) for path in step.layout.attempt(1).parent.glob("attempt-*.json")]


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def forgive_failures(opened: OpenCampaign, steps: Sequence[str]) -> list[dict[str, Any]]:
    """Forget earlier failures of units and nodes in these steps; the journal entries that say so."""
    journal = Journal(opened.layout.journal)
    return [journal.write("failures-forgiven", step=opened.step(name).name) for name in steps]


def shard_units(step: OpenStep, attempt: int, shards: int = 0) -> list[NDArray[np.int64]]:
    """Unit numbers of each shard of an attempt; shards: into how many, 0 for what was planned."""
    numbers, planned = attempt_numbers(step, attempt)
    bounds = shard_bounds(step.units().cost[numbers], shards or planned).tolist()
    return [numbers[first:last] for first, last in pairwise(bounds)]


def write_attempt(
    step: OpenStep, history: History, shards: int, numbers: NDArray[np.int64], *, pattern: str = ""
) -> int:
    """Write down which units an attempt sets out to compute, in how many shards; its number.

    pattern: the glob that chose them, so that a retry by the merge job stays within it.
    """
    units = [[int(first), int(count)] for first, count in runs_of(numbers).tolist()]
    chosen = {"pattern": pattern} if pattern else {}
    text = json.dumps({"shards": shards, "units": units, **chosen})
    attempt = max(2, next_attempt(step.opened, history))
    while not create_once(step.layout.attempt(attempt), text):
        attempt += 1
    return attempt
