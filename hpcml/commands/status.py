"""How far a campaign is: parts, logs and journal of every step and shard.

What lives here: counting. What does not: asking a scheduler (schedulers/), printing (cli.py).
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hpcml.opening import OpenCampaign, OpenStep
from hpcml.states import ShardState, shard_state
from hpcml.store.journal import read_journal
from hpcml.store.ledger import Ledger, failed_attempts
from hpcml.store.units import shard_bounds

RECENT = 120.0


@dataclass(frozen=True, slots=True)
class ShardStatus:
    shard: int
    state: str
    units: int
    done: int
    failed: int
    missing: int
    rate: float


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One step. units is -1 while they are not listed; rate is in units per second, now."""

    name: str
    state: str
    units: int
    done: int
    failed: int
    missing: int
    doubled: int
    parts: int
    logs: int
    rate: float
    seconds_left: float
    damaged: list[str]
    foreign: list[str]
    merged: bool
    shards: list[ShardStatus]
    failures: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class CampaignStatus:
    campaign: str
    root: str
    steps: list[StepStatus]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def complete(self) -> bool:
        return all(step.merged and not step.missing for step in self.steps)


def status(opened: OpenCampaign) -> CampaignStatus:
    last_words = {
        (word["step"], word["shard"]): word["event"].removeprefix("shard-")
        for word in read_journal(
            opened.layout.journal, "shard-started", "shard-interrupted", "shard-incomplete", "shard-done"
        )
        if word.get("attempt", 1) == 1
    }
    steps = [_step(step, last_words) for step in opened.steps]
    return CampaignStatus(opened.campaign.name, str(opened.root), steps)


def _step(step: OpenStep, last_words: dict[tuple[str, int], str]) -> StepStatus:
    if not step.listed():
        return StepStatus(
            step.name, "waiting", -1, 0, 0, 0, 0, 0, 0, 0.0, float("inf"), [], [], False, [], []
        )
    ledger = step.ledger()
    units = step.units()
    counts, last = failed_attempts(step.opened.layout, step.name)
    failed = np.zeros(len(units), bool)
    failures = []
    if counts:
        for number in ledger.missing.tolist():
            key = units.key(number)
            if counts.get(key):
                failed[number] = counts[key] >= step.plan.max_attempts
                failures.append({**last[key], "attempts": counts[key]})
    rates = _rates(ledger)
    merged = step.layout.table.is_file()
    missing = len(ledger.missing)
    rate = sum(rates.values())
    shards = _shards(step, ledger, failed, rates, last_words)
    state = "merged" if merged and not missing else "done" if not missing else "incomplete"
    if missing and any(log.alive for log in ledger.logs):
        state = "running"
    elif missing and missing == len(units):
        state = "planned"
    return StepStatus(
        name=step.name,
        state=state,
        units=len(units),
        done=len(units) - missing,
        failed=int(failed.sum()),
        missing=missing,
        doubled=ledger.doubled,
        parts=len(ledger.parts),
        logs=len(ledger.logs),
        rate=rate,
        seconds_left=missing / rate if rate else float("inf"),
        damaged=[why for _, why in ledger.damaged],
        foreign=[str(path) for path in ledger.foreign],
        merged=merged,
        shards=shards,
        failures=failures,
    )


def _rates(ledger: Ledger) -> dict[int, float]:
    """Units per second of each shard, from the logs of ranks that live and wrote lately."""
    rates: dict[int, float] = {}
    now = time.time()
    for log in ledger.logs:
        if log.alive and now - log.last < RECENT:
            begun = float(log.about.get("started", log.first))
            shard = int(log.about["shard"])
            rates[shard] = rates.get(shard, 0.0) + len(log.ids) / max(now - begun, 0.001)
    return rates


def _shards(
    step: OpenStep,
    ledger: Ledger,
    failed: np.ndarray[Any, np.dtype[np.bool_]],
    rates: dict[int, float],
    last_words: dict[tuple[str, int], str],
) -> list[ShardStatus]:
    """The shards of the job file; a resume may deal the same units out in others."""
    shards = step.plan.resources.shards
    bounds = shard_bounds(step.units().cost, shards)
    done = np.concatenate(([0], np.cumsum(ledger.done)))[bounds]
    broken = np.concatenate(([0], np.cumsum(failed)))[bounds]
    found = []
    for number in range(shards):
        total = int(bounds[number + 1] - bounds[number])
        have = int(done[number + 1] - done[number])
        state: ShardState = shard_state(
            total == have,
            None,
            tried=(step.name, number) in last_words,
            interrupted=last_words.get((step.name, number)) == "interrupted",
        )
        name = "running" if rates.get(number) and total > have else state.value
        found.append(
            ShardStatus(
                number, name, total, have, int(broken[number + 1] - broken[number]), total - have,
                rates.get(number, 0.0),
            )
        )  # fmt: skip
    return found
