"""The handful of functions for notebooks: the same campaigns and results as the command line's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import toy

import hpcml
from hpcml.errors import Incomplete, PlanConflict


def test_plan_run_look_and_read(tmp_path: Path) -> None:
    job = toy.write_job(tmp_path, toy.step(parameters={"n": 12}))
    root = hpcml.plan(job, tmp_path / "c", overrides=["steps.toy.parameters.n=15"])
    assert root == tmp_path / "c"
    with pytest.raises(Incomplete):
        hpcml.open_table(root, "toy")
    before = hpcml.status(root).steps[0]
    assert (before.units, before.done, before.missing, before.merged) == (15, 0, 15, False)

    tables = hpcml.run(root, ranks=1, shards=2)
    after = hpcml.status(root).steps[0]
    assert (after.done, after.missing, after.merged, after.parts) == (15, 0, True, 2)
    table = hpcml.open_table(root, "toy")
    assert list(tables) == ["toy"] and tables["toy"].digests == table.digests
    assert len(table.keys()) == 15 and len(table.frame("samples")) == table.index("samples")[:, 1].sum()

    by_command = tmp_path / "d"
    assert toy.hpcml("run", job, "--dir", by_command, "--set", "steps.toy.parameters.n=15").code == 0
    assert hpcml.open_table(by_command, "toy").digests == table.digests


def test_units_are_a_frame_with_their_payload(tmp_path: Path) -> None:
    root = hpcml.plan(toy.write_job(tmp_path, toy.step(parameters={"n": 3})), tmp_path / "c")
    frame = hpcml.units(root, "toy")
    assert frame["unit"].tolist() == ["u00000", "u00001", "u00002"]
    assert frame["state"].tolist() == ["missing"] * 3
    assert frame["payload.label"].tolist() == ["name-0", "name-1", "name-2"]
    assert np.array_equal(frame["payload.number"], [0, 1, 2]) and "payload" not in frame


def test_a_job_file_is_planned_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = toy.write_job(tmp_path, toy.step(parameters={"n": 3}))
    assert len(hpcml.run(job, ranks=1)["toy"].keys()) == 3
    assert (tmp_path / "campaigns" / "toys" / "campaign.json").is_file()
    with pytest.raises(PlanConflict, match="seed"):
        hpcml.plan(job, overrides=["seed=8"])
