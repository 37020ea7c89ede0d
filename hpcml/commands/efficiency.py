"""What a campaign cost: CPU time against what was allocated, peak memory, time lost, the next request."""

from __future__ import annotations

from dataclasses import dataclass

from hpcml.directory.history import Entry, History
from hpcml.directory.opened import OpenCampaign, OpenStep

HEADROOM = 1.3
LEAST_MEMORY = 200_000_000


@dataclass(frozen=True, slots=True)
class StepEfficiency:
    """One step. Times in seconds, memory in bytes per rank.

    killed: starts of shards without a final journal entry. lost: rank-seconds from
    such a start to the next one of the shard: an upper bound, since what was recorded is kept.
    """

    name: str
    starts: int
    killed: int
    lost: float
    allocated: float
    cpu: float
    efficiency: float
    peak_memory: int
    asked_memory: int
    asked_walltime: int
    longest: float
    next_memory: int
    next_walltime: int


def efficiency(opened: OpenCampaign, history: History) -> list[StepEfficiency]:
    return [_step(step, history) for step in opened.steps]


def _step(step: OpenStep, history: History) -> StepEfficiency:
    words = history.of("shard-started", "shard-done", "shard-incomplete", "shard-interrupted", step=step.name)
    ended = [word for word in words if "wall_seconds" in word]
    killed, lost = _killed(words)
    allocated = sum(word["wall_seconds"] * word["ranks"] * step.plan.resources.cpus for word in ended)
    cpu = sum(word["cpu_seconds"] for word in ended)
    peak = max((word["peak_bytes"] for word in ended), default=0)
    longest = max((word["wall_seconds"] for word in ended), default=0.0)
    return StepEfficiency(
        name=step.name,
        starts=sum(word["event"] == "shard-started" for word in words),
        killed=killed,
        lost=lost,
        allocated=allocated,
        cpu=cpu,
        efficiency=cpu / allocated if allocated else 0.0,
        peak_memory=peak,
        asked_memory=step.plan.resources.memory,
        asked_walltime=step.plan.resources.walltime,
        longest=longest,
        next_memory=_round_up(max(int(peak * HEADROOM), LEAST_MEMORY), 100_000_000) if peak else 0,
        next_walltime=_round_up(int(longest * HEADROOM) + 60, 60) if longest else 0,
    )


def _killed(words: list[Entry]) -> tuple[int, float]:
    """(starts without a final entry that another start followed, rank-seconds until that next start).

    The last start of a shard may still be at work; the time between is an upper bound of what was lost.
    """
    open_start: dict[int, Entry] = {}
    killed, lost = 0, 0.0
    for word in words:
        shard = word["shard"]
        before = open_start.pop(shard, None)
        if word["event"] == "shard-started":
            if before is not None:
                killed += 1
                lost += (word["time"] - before["time"]) * before["ranks"]
            open_start[shard] = word
    return killed, lost


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step
