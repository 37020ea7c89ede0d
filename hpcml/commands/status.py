"""How far a campaign is: parts, logs and journal of every step and shard.

Counting.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hpcml.attempts.jobs import Jobs
from hpcml.attempts.refresh import jobs_of
from hpcml.directory.attempts import attempt_numbers
from hpcml.directory.intake import ingest
from hpcml.directory.opened import OpenCampaign, OpenStep
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
    job: str
    node: str
    restarts: int


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
    """jobs: queued, held or running ones; scheduler_error: why the scheduler did not answer, or ''."""

    campaign: str
    root: str
    steps: list[StepStatus]
    jobs: int
    scheduler_error: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def complete(self) -> bool:
        return all(step.merged and not step.missing for step in self.steps)


def status(opened: OpenCampaign) -> CampaignStatus:
    """Parts, logs, journal and scheduler as one; one call to the scheduler, whatever the size."""
    ingest(opened)
    last_words = {
        (word["step"], word["attempt"], word["shard"]): word["event"].removeprefix("shard-")
        for word in read_journal(
            opened.layout.journal, "shard-started", "shard-interrupted", "shard-incomplete", "shard-done"
        )
    }
    jobs = Jobs() if opened.campaign.site.scheduler == "local" else jobs_of(opened)
    steps = [_step(step, last_words, jobs) for step in opened.steps]
    return CampaignStatus(opened.campaign.name, str(opened.root), steps, len(jobs.live), jobs.error)


def _step(step: OpenStep, last_words: dict[tuple[str, int, int], str], jobs: Jobs) -> StepStatus:
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
    shards = _shards(step, ledger, failed, rates, last_words, jobs)
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
    last_words: dict[tuple[str, int, int], str],
    jobs: Jobs,
) -> list[ShardStatus]:
    """The shards of the newest attempt at the step: the job file's, or those of a resume."""
    attempt = _newest_attempt(step, jobs)
    numbers, shards = attempt_numbers(step, attempt)
    bounds = shard_bounds(step.units().cost[numbers], shards)
    done = np.concatenate(([0], np.cumsum(ledger.done[numbers])))[bounds]
    broken = np.concatenate(([0], np.cumsum(failed[numbers])))[bounds]
    records = jobs.newest(step.name)
    found = []
    for shard in range(shards):
        total = int(bounds[shard + 1] - bounds[shard])
        have = int(done[shard + 1] - done[shard])
        word = last_words.get((step.name, attempt, shard))
        job = records[shard].record if shard in records and records[shard].attempt == attempt else None
        state = shard_state(
            total == have,
            job.state if job else None,
            tried=word is not None,
            interrupted=word == "interrupted",
        )
        # a rank that writes is at work, whatever the scheduler says or does not say
        if rates.get(shard) and total > have:
            state = ShardState.RUNNING
        found.append(
            ShardStatus(
                shard=shard,
                state=state.value,
                units=total,
                done=have,
                failed=int(broken[shard + 1] - broken[shard]),
                missing=total - have,
                rate=rates.get(shard, 0.0),
                job=f"{records[shard].ref.job}.{records[shard].ref.index}" if job else "",
                node=job.node if job else "",
                restarts=job.restarts if job else 0,
            )
        )
    return found


def _newest_attempt(step: OpenStep, jobs: Jobs) -> int:
    written = [
        int(path.stem.rpartition("-")[2]) for path in step.layout.attempt(1).parent.glob("attempt-*.json")
    ]
    submitted = [job.attempt for job in jobs.shards if job.step == step.name]
    return max([1, *written, *submitted])
