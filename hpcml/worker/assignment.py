"""Which units of a shard are pending: what rank 0 finds out before the first is computed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpcml.directory.attempts import attempt_numbers
from hpcml.directory.history import History
from hpcml.directory.inputs import check_inputs
from hpcml.directory.intake import ingest
from hpcml.directory.opened import OpenStep
from hpcml.errors import PlanConflict, UsageError
from hpcml.store.ledger import scan
from hpcml.store.recorder import seal_left_logs
from hpcml.store.sealed import UNIT_RANGE, ids_of
from hpcml.store.units import shard_bounds

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShardRequest:
    """One shard of one step, as rank.sh or `run` asks for it.

    claims: where the jobs of an array note which shards they claim (worker/claims.py); with it, a
    shard that ends at once computes others, too.
    """

    root: Path
    step: str
    shard: int = 0
    shards: int = 0
    attempt: int = 1
    ranks: int = 0
    claims: Path | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What rank 0 found out and every rank needs: numbers of the units to do and earlier failures."""

    pending: np.ndarray[Any, np.dtype[np.int64]]
    failures: Mapping[int, int]
    beyond_attempts: int
    shard_size: int


def shard_numbers(request: ShardRequest, step: OpenStep) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Unit numbers of the shard: of those that the attempt set out to do, else of all units."""
    units = step.units()
    numbers, planned = attempt_numbers(step, request.attempt)
    shards = request.shards or planned
    if not 0 <= request.shard < shards:
        raise UsageError(f"step {step.name!r} has shards 0 to {shards - 1}, not {request.shard}")
    bounds = shard_bounds(units.cost[numbers], shards)
    mine: np.ndarray[Any, np.dtype[np.int64]] = numbers[bounds[request.shard] : bounds[request.shard + 1]]
    return mine


def assign(request: ShardRequest, step: OpenStep) -> Assignment:
    """Rank 0: which units of the shard are still to do."""
    check_inputs(step)
    sandbox = step.opened.sandbox
    if sandbox:  # file transfer: what earlier starts of this job recorded came along
        ingest(step.opened, keep=True)
    units, identity = step.units(), step.identity()
    fingerprint, _ = step.fingerprint()
    if fingerprint != units.fingerprint:
        raise PlanConflict(
            f"the inputs of step {step.name!r} have changed since its units were listed",
            "run `hpcml plan` again",
        )
    for problem in seal_left_logs(step.layout, units.keys, units.schema, identity):
        log.warning("%s; left where it is, its units count as missing", problem)
    numbers = shard_numbers(request, step)
    done = scan(step.layout, len(units), identity).done
    if sandbox:
        done[ids_of(np.array(list(sandbox.done), UNIT_RANGE))] = True
    missing = numbers[~done[numbers]]
    history = History.read(step.opened.layout.journal, events=("unit-failed", "failures-forgiven"))
    counts = history.failures(step.name).counts
    failures = {number: counts[units.key(number)] for number in missing.tolist() if counts} if counts else {}
    failures = {number: count for number, count in failures.items() if count}
    beyond = {number for number, count in failures.items() if count >= step.plan.max_attempts}
    pending = missing[~np.isin(missing, list(beyond))] if beyond else missing
    # long units first: the last ones to end are then short
    cost = units.cost[pending]
    if len(cost) and cost.min() != cost.max():
        pending = pending[np.argsort(-cost, kind="stable")]
    return Assignment(pending, failures, len(beyond), len(numbers))
