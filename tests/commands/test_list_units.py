"""The list of units: order, states, and how failures are counted."""

from __future__ import annotations

from typing import Any

import pytest
import toy

from hpcml.commands.units import list_units
from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign


@pytest.fixture(scope="module")
def half_done(tmp_path_factory: pytest.TempPathFactory) -> OpenCampaign:
    """Units 0 to 2 of six are recorded."""
    step = toy.step(parameters={"n": 6}, resources={"shards": 2}, max_attempts=2)
    opened = toy.planned(tmp_path_factory.mktemp("units"), step)
    toy.work_here(opened, shard=0)
    return OpenCampaign(opened.root)


def failure(number: int, time: float, error: str = "ValueError: no") -> dict[str, Any]:
    return {
        "time": time, "event": "unit-failed", "step": "toy", "unit": f"u{number:05d}", "error": error,
        "host": "n1", "rank": 0, "traceback": "",
    }  # fmt: skip


def listed(opened: OpenCampaign, state: str, *entries: dict[str, Any]) -> list[tuple[int, str, int, str]]:
    rows = list_units(opened.step("toy"), History().with_entries(*entries), state)
    return [(row["number"], row["state"], row["attempts"], row["error"]) for row in rows]


def test_units_are_in_the_order_of_the_result(half_done: OpenCampaign) -> None:
    rows = list_units(half_done.step("toy"), History())
    assert [row["unit"] for row in rows] == [f"u{number:05d}" for number in range(6)]
    assert [row["payload"] for row in rows] == [
        {"number": number, "label": f"name-{number % 3}"} for number in range(6)
    ]


def test_each_unit_has_one_state(half_done: OpenCampaign) -> None:
    entries = (
        failure(1, 1.0),  # done since
        failure(3, 2.0), failure(3, 3.0, "ValueError: again"),  # as often as it may
        failure(4, 4.0),  # may be tried again
    )  # fmt: skip
    done = [(0, "done", 0, ""), (1, "done", 1, ""), (2, "done", 0, "")]
    failed = [(3, "failed", 2, "ValueError: again")]
    missing = [(4, "missing", 1, "ValueError: no"), (5, "missing", 0, "")]
    assert listed(half_done, "done", *entries) == done
    assert listed(half_done, "failed", *entries) == failed
    assert listed(half_done, "missing", *entries) == missing
    assert listed(half_done, "all", *entries) == done + failed + missing


def test_failures_that_are_forgiven_do_not_count(half_done: OpenCampaign) -> None:
    forgiven = {"time": 3.0, "event": "failures-forgiven", "step": "toy"}
    entries = (failure(3, 1.0), failure(3, 2.0), forgiven, failure(3, 4.0))
    assert listed(half_done, "failed", *entries) == []
    assert listed(half_done, "missing", *entries)[0] == (3, "missing", 1, "ValueError: no")
