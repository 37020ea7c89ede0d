"""What a campaign cost, from journals made by hand: killed starts, time lost, the next request."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import toy
from hypothesis import given
from hypothesis import strategies as st

from hpcml.commands.efficiency import StepEfficiency, efficiency
from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign

RANKS, CPUS = 4, 2


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> OpenCampaign:
    resources = {"ranks": RANKS, "cpus": CPUS, "memory": "2GB", "walltime": "1h", "shards": 3}
    return toy.planned(tmp_path_factory.mktemp("cost"), toy.step("scan"), resources=resources)


def started(time: float, shard: int = 0, step: str = "scan") -> dict[str, Any]:
    return {"time": time, "event": "shard-started", "step": step, "shard": shard, "ranks": RANKS}


def ended(
    time: float, shard: int = 0, *, wall: float, cpu: float = 0.0, peak: int = 0, how: str = "done"
) -> dict[str, Any]:
    used = {"wall_seconds": wall, "cpu_seconds": cpu, "peak_bytes": peak, "ranks": RANKS}
    return {"time": time, "event": f"shard-{how}", "step": "scan", "shard": shard, **used}


def cost(opened: OpenCampaign, *entries: dict[str, Any]) -> StepEfficiency:
    (found,) = efficiency(opened, History().with_entries(*entries))
    return found


def test_nothing_was_started(opened: OpenCampaign) -> None:
    found = cost(opened, started(0.0, step="another"))
    assert (found.starts, found.killed, found.lost, found.efficiency) == (0, 0, 0.0, 0.0)
    assert (found.next_memory, found.next_walltime) == (0, 0), "nothing measured, nothing proposed"


def test_cpu_time_against_what_was_allocated(opened: OpenCampaign) -> None:
    found = cost(
        opened,
        started(0.0),
        ended(100.0, wall=100.0, cpu=600.0, peak=1_000_000_000),
        started(0.0, 1),
        ended(50.0, 1, wall=50.0, cpu=0.0, peak=400_000_000, how="incomplete"),
        started(60.0, 1),
        ended(110.0, 1, wall=50.0, cpu=200.0, peak=500_000_000, how="interrupted"),
    )
    assert found.allocated == 200.0 * RANKS * CPUS
    assert found.cpu == 800.0 and found.efficiency == 0.5
    assert (found.starts, found.killed, found.lost) == (3, 0, 0.0), "all of them reported their end"
    assert (found.peak_memory, found.longest) == (1_000_000_000, 100.0)
    assert (found.asked_memory, found.asked_walltime) == (2_000_000_000, 3600)


def test_the_next_request_has_headroom_and_round_numbers(opened: OpenCampaign) -> None:
    found = cost(opened, started(0.0), ended(100.0, wall=100.0, peak=1_000_000_000))
    assert found.next_memory == 1_300_000_000, "30 % over the peak"
    assert found.next_walltime == 240, "30 % and a minute over the longest shard, in minutes"
    small = cost(opened, started(0.0), ended(1.0, wall=0.5, peak=1_000))
    assert (small.next_memory, small.next_walltime) == (200_000_000, 60)


def test_a_start_that_another_follows_without_an_end_was_killed(opened: OpenCampaign) -> None:
    found = cost(opened, started(10.0), started(40.0), ended(50.0, wall=10.0))
    assert (found.starts, found.killed, found.lost) == (2, 1, 30.0 * RANKS)


def test_the_last_start_may_still_be_at_work(opened: OpenCampaign) -> None:
    found = cost(opened, started(10.0), started(10.0, 1))
    assert (found.starts, found.killed, found.lost) == (2, 0, 0.0)


events = st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=30)


@given(events=events)
def test_killed_starts_are_counted_shard_by_shard(
    opened: OpenCampaign, events: list[tuple[int, bool]]
) -> None:
    """However the shards' entries are mixed, each shard is counted as if it were alone."""
    entries = [
        started(float(at), shard) if starts else ended(float(at), shard, wall=1.0)
        for at, (shard, starts) in enumerate(events)
    ]
    killed, lost = 0, 0.0
    for shard in range(3):
        mine = [entry for entry in entries if entry["shard"] == shard]
        for before, after in pairwise(mine):
            if before["event"] == after["event"] == "shard-started":
                killed += 1
                lost += (after["time"] - before["time"]) * RANKS
    found = cost(opened, *entries)
    assert (found.killed, found.lost) == (killed, pytest.approx(lost))
    assert found.starts == sum(starts for _, starts in events)
