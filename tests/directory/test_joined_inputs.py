"""A list of steps as one input: rows one after the other, keys apart, tables that do not fit refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy

from hpcml.campaign import Campaign
from hpcml.directory.joined import JoinedTables
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import PlanConflict, UsageError
from hpcml.store.table import StepTable
from hpcml.testing import check_workload

SOURCES = ("real", "made")


def compute(opened: OpenCampaign, *names: str) -> OpenCampaign:
    for name in names:
        assert toy.work_here(OpenCampaign(opened.root), name) == 0
        toy.merge_here(opened, name)
    return OpenCampaign(opened.root)


def two_steps(folder: Path, **second: Any) -> OpenCampaign:
    steps = [toy.step("real", parameters={"n": 3}), toy.step("made", parameters={"n": 2, **second})]
    behind = toy.step("behind", "Behind", inputs={"samples": list(SOURCES)})
    return toy.planned(folder, *steps, behind)


@pytest.fixture
def opened(tmp_path: Path) -> OpenCampaign:
    return compute(two_steps(tmp_path), *SOURCES)


@pytest.fixture
def joined(opened: OpenCampaign) -> JoinedTables:
    found = opened.step("behind").inputs()["samples"]
    assert isinstance(found, JoinedTables)
    return found


def parts(opened: OpenCampaign) -> list[StepTable]:
    return [opened.step(name).table() for name in SOURCES]


def test_rows_and_units_come_one_after_the_other(opened: OpenCampaign, joined: JoinedTables) -> None:
    first, second = parts(opened)
    values = joined.array("value", "samples")
    assert values.tolist() == [
        *first.array("value", "samples").tolist(),
        *second.array("value", "samples").tolist(),
    ]
    assert not values.flags.writeable
    assert joined.keys() == ["real:u00000", "real:u00001", "real:u00002", "made:u00000", "made:u00001"]
    assert joined.payload("number").tolist() == [0, 1, 2, 0, 1]
    assert joined.rows("samples") == len(values)
    assert joined.paths == (*first.paths, *second.paths)
    assert joined.has("value", "samples") and not joined.has("values", "samples")


def test_the_index_leads_to_the_rows_of_each_unit(opened: OpenCampaign, joined: JoinedTables) -> None:
    values, index = joined.array("value", "samples"), joined.index("samples")
    assert index.dtype == np.uint64
    expected = [
        table.array("value", "samples")[int(first) : int(first + count)]
        for table in parts(opened)
        for first, count in table.index("samples")
    ]
    found = [values[int(first) : int(first + count)] for first, count in index]
    assert [one.tolist() for one in found] == [one.tolist() for one in expected]


def test_a_step_reads_them_and_waits_for_both(tmp_path: Path) -> None:
    opened = compute(two_steps(tmp_path), "real")
    assert not opened.step("behind").listed()
    opened = compute(opened, "made", "behind")
    table = opened.step("behind").table()
    assert table.keys()[-1] == "of-made:u00001"
    total = sum(float(one.array("value", "samples").sum()) for one in parts(opened))
    assert table.summary()["grand_total"] == pytest.approx(total)
    toy.verified(opened)


def test_reduced_tables_are_refused(joined: JoinedTables) -> None:
    with pytest.raises(UsageError, match="'histogram' is reduced over the units"):
        joined.array("counts", "histogram")


def test_a_column_that_differs_is_named(tmp_path: Path) -> None:
    opened = two_steps(tmp_path, width=5)
    compute(opened, "real")
    toy.work_here(OpenCampaign(opened.root), "made")
    with pytest.raises(UsageError) as caught:
        toy.merge_here(opened, "made")
    assert caught.value.message == (
        "input 'samples': table 'samples' of step 'made' does not fit that of step 'real':"
        " column 'value' is <f8 (5,) in GeV, not <f8 (4,) in GeV"
    )


def test_a_table_that_one_step_lacks_is_named(tmp_path: Path) -> None:
    steps = [toy.step("real", parameters={"n": 1}), toy.step("made", "Plain", parameters={"n": 1})]
    opened = compute(toy.planned(tmp_path, *steps), *SOURCES)
    with pytest.raises(UsageError, match="'real' has a table 'samples' and step 'made' has none"):
        JoinedTables("samples", parts(opened))


def test_steps_of_other_campaigns_with_one_name_stay_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        compute(toy.planned(tmp_path / folder, toy.step("real", parameters={"n": 1})), "real")
    places = [f"campaign:{tmp_path / folder / 'campaign'}/real" for folder in ("a", "b")]
    opened = toy.planned(tmp_path, toy.step("behind", "Behind", inputs={"samples": places}))
    assert opened.step("behind").inputs()["samples"].keys() == ["real:u00000", "real#2:u00000"]
    compute(opened, "behind")
    plan = opened.campaign.steps[0].inputs["samples"]
    assert len({one.digest for one in plan.several}) == 1 and plan.several[0].digest


def test_another_order_is_another_plan(tmp_path: Path, opened: OpenCampaign) -> None:
    compute(opened, "behind")
    steps = [toy.step("real", parameters={"n": 3}), toy.step("made", parameters={"n": 2})]
    behind = toy.step("behind", "Behind", inputs={"samples": ["made", "real"]})
    with pytest.raises(PlanConflict):
        toy.planned(tmp_path, *steps, behind)


def test_a_plan_comes_back_and_those_of_one_source_are_as_before(opened: OpenCampaign) -> None:
    raw = opened.campaign.to_json()
    assert Campaign.from_json(raw) == opened.campaign
    assert [one["step"] for one in raw["steps"][2]["inputs"]["samples"]["several"]] == list(SOURCES)
    assert all("several" not in one for one in raw["steps"][2]["inputs"]["samples"]["several"])


def test_workloads_may_be_checked_with_them(joined: JoinedTables) -> None:
    from toy_workloads import Behind

    check_workload(Behind, inputs={"samples": joined})
