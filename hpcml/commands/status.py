"""How far a campaign is: parts, logs, journal and scheduler of every step and shard. Only reads."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from hpcml.attempts.jobs import Jobs, ShardJob, current_jobs
from hpcml.campaign import SchedulerName
from hpcml.directory.attempts import attempt_numbers, written_attempts
from hpcml.directory.history import History
from hpcml.directory.intake import reading
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.states import ShardState, StepState, shard_state, step_state
from hpcml.store.ledger import Ledger
from hpcml.store.units import shard_bounds

# a log that grew within so many seconds has a rank that computes
RECENT = 120.0


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """One shard of the newest attempt. rate: units per second now. job: ID.INDEX, or ''."""

    shard: int
    state: ShardState
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
    """One step. units: None until they are listed. rate: units per second now. seconds_left: infinite when
    nothing is recorded now. failures: the newest journal entry of each unit that failed, with `attempts`."""

    name: str
    state: StepState
    units: int | None = None
    done: int = 0
    failed: int = 0
    missing: int = 0
    doubled: int = 0
    parts: int = 0
    logs: int = 0
    rate: float = 0.0
    seconds_left: float = math.inf
    damaged: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    merged: bool = False
    shards: list[ShardStatus] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CampaignStatus:
    """jobs: queued, held or running ones; scheduler_error: why the scheduler did not answer, or ''."""

    campaign: str
    root: str
    steps: list[StepStatus]
    jobs: int
    scheduler_error: str

    def to_json(self) -> dict[str, Any]:
        """JSON has no infinity: an unknown time is null."""
        found = asdict(self)
        for step in found["steps"]:
            if math.isinf(step["seconds_left"]):
                step["seconds_left"] = None
        return found

    @property
    def complete(self) -> bool:
        return all(step.merged and not step.missing for step in self.steps)


def status(opened: OpenCampaign) -> CampaignStatus:
    """One call to the scheduler, whatever the number of shards."""
    with reading(opened) as history:
        jobs = (
            Jobs() if opened.campaign.site.scheduler == SchedulerName.LOCAL else current_jobs(opened, history)
        )
        steps = [_step(step, history, jobs) for step in opened.steps]
    return CampaignStatus(
        campaign=opened.campaign.name,
        root=str(opened.root),
        steps=steps,
        jobs=len(jobs.live),
        scheduler_error=jobs.error,
    )


def _step(step: OpenStep, history: History, jobs: Jobs) -> StepStatus:
    if not step.listed():
        return StepStatus(step.name, StepState.WAITING)
    ledger = step.ledger()
    total, missing = len(ledger.done), len(ledger.missing)
    rates = _rates(ledger)
    rate = sum(rates.values())
    failed, failures = _failures(step, history, ledger)
    merged = step.layout.table.is_file()
    writing = any(log.alive for log in ledger.logs)
    return StepStatus(
        name=step.name,
        state=step_state(total, total - missing, merged=merged, writing=writing),
        units=total,
        done=total - missing,
        failed=int(failed.sum()),
        missing=missing,
        doubled=ledger.doubled,
        parts=len(ledger.parts),
        logs=len(ledger.logs),
        rate=rate,
        seconds_left=missing / rate if rate else math.inf,
        damaged=[why for _, why in ledger.damaged],
        foreign=[str(path) for path in ledger.foreign],
        merged=merged,
        shards=_shards(step, ledger, failed, rates, history, jobs),
        failures=failures,
    )


def _failures(
    step: OpenStep, history: History, ledger: Ledger
) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], list[dict[str, Any]]]:
    """(which units failed as often as they may, the newest failure of each missing unit that failed)."""
    failed = np.zeros(len(ledger.done), bool)
    found = history.failures(step.name)
    newest = []
    if found.counts:
        units, at_limit = step.units(), found.at_limit(step.plan.max_attempts)
        for number in ledger.missing.tolist():
            key = units.key(number)
            if key in found.last:
                failed[number] = key in at_limit
                newest.append({**found.last[key], "attempts": found.counts[key]})
    return failed, newest


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
    history: History,
    jobs: Jobs,
) -> list[ShardStatus]:
    """The shards of the newest attempt at the step: the job file's, or those of a resume."""
    attempt = max([1, *written_attempts(step), *(job.attempt for job in jobs.of(step.name))])
    numbers, shards = attempt_numbers(step, attempt)
    bounds = shard_bounds(step.units().cost[numbers], shards)
    totals = np.diff(bounds).tolist()
    done = _per_shard(ledger.done[numbers], bounds)
    failures = _per_shard(failed[numbers], bounds)
    newest = {shard: job for shard, job in jobs.newest(step.name).items() if job.attempt == attempt}
    last_starts = history.last_starts()
    return [
        _shard(
            shard,
            units=totals[shard],
            done=done[shard],
            failed=failures[shard],
            rate=rates.get(shard, 0.0),
            job=newest.get(shard),
            last_start=last_starts.get((step.name, attempt, shard)),
        )
        for shard in range(shards)
    ]


def _per_shard(
    flags: np.ndarray[Any, np.dtype[np.bool_]], bounds: np.ndarray[Any, np.dtype[np.int64]]
) -> list[int]:
    """How many flags are set between each pair of bounds."""
    counts: list[int] = np.diff(np.concatenate(([0], np.cumsum(flags)))[bounds]).tolist()
    return counts


def _shard(
    shard: int,
    *,
    units: int,
    done: int,
    failed: int,
    rate: float,
    job: ShardJob | None,
    last_start: str | None,
) -> ShardStatus:
    state = shard_state(
        units == done,
        job.record.state if job else None,
        writing=rate > 0,
        tried=last_start is not None,
        interrupted=last_start == "interrupted",
    )
    return ShardStatus(
        shard=shard,
        state=state,
        units=units,
        done=done,
        failed=failed,
        missing=units - done,
        rate=rate,
        job=f"{job.ref.job}.{job.ref.index}" if job else "",
        node=job.record.node if job else "",
        restarts=job.record.restarts if job else 0,
    )
