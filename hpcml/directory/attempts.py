"""Attempts at a step: their numbers, and the units and shards that each set out to compute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.store.atomic import create_once
from hpcml.store.journal import read_journal
from hpcml.store.sealed import UNIT_RANGE, ids_of, runs_of

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


def next_attempt(opened: OpenCampaign) -> int:
    """One more than the largest attempt that was begun; what was only rendered may be written again."""
    begun = [
        int(word["attempt"]) for word in read_journal(opened.layout.journal, "submitting", "shard-started")
    ]
    # jobs print into their attempt's folder: it was submitted, whatever became of the journal
    begun += [_number(path.parent.parent.parent) for path in opened.layout.submit.glob("attempt-*/*/logs/*")]
    begun += [
        _number(path)
        for step in opened.steps
        for path in step.layout.attempt(1).parent.glob("attempt-*.json")
    ]
    return max(begun, default=0) + 1


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def write_attempt(step: OpenStep, shards: int, numbers: NDArray[np.int64] | None = None) -> tuple[int, int]:
    """Write down what a resume sets out to do, the units missing now (or `numbers`); (attempt, shards)."""
    runs = runs_of(step.ledger().missing if numbers is None else numbers)
    text = json.dumps({"shards": shards, "units": [[int(a), int(n)] for a, n in runs.tolist()]})
    attempt = max(2, next_attempt(step.opened))
    while not create_once(step.layout.attempt(attempt), text):
        attempt += 1
    return attempt, shards
