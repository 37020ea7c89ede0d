"""What goes into a sandbox, and a step that is computed in one: where the campaign cannot be seen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import toy
from isolated import Elsewhere, away

from hpcml.commands.sandbox import make_sandbox
from hpcml.directory.intake import ingest
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import UsageError


def test_a_box_is_all_that_a_step_needs(tmp_path: Path) -> None:
    shutil.copy(toy.WORKLOADS, tmp_path / "mine.py")
    (tmp_path / "data.txt").write_text("measured")
    steps = (
        {"name": "first", "workload": "mine.py:Kept", "inputs": {"data": "data.txt"}},
        {"name": "second", "workload": "mine.py:Behind", "inputs": {"samples": "first"}},
    )
    opened = toy.planned(tmp_path, *steps)
    for name in ("first", "second"):
        there = Elsewhere(tmp_path / f"job-{name}", opened, name)
        with away(opened.root, tmp_path / "data.txt", tmp_path / "mine.py"):
            there.start()
        assert there.code == 0
        there.send()
        toy.merge_here(opened, name)
    reference = toy.planned(tmp_path, *steps, root=tmp_path / "reference")
    for name in ("first", "second"):
        toy.work_here(reference, name)
        toy.merge_here(reference, name)
    assert toy.verified(opened) == toy.verified(reference)
    assert not list(opened.layout.incoming.glob("*.tar"))


def test_all_steps_that_are_read_as_one_input_travel(tmp_path: Path) -> None:
    shutil.copy(toy.WORKLOADS, tmp_path / "mine.py")
    other = toy.computed(tmp_path / "other", toy.step("first", parameters={"n": 2}))
    toy.merge_here(other, "first")
    sources = ["first", f"campaign:{other.root}/first"]
    steps = (
        {"name": "first", "workload": "mine.py:Toy", "parameters": {"n": 3}},
        {"name": "second", "workload": "mine.py:Behind", "inputs": {"samples": sources}},
    )
    opened = toy.computed(tmp_path, *steps)
    toy.merge_here(opened, "first")
    there = Elsewhere(tmp_path / "job", opened, "second")
    with away(opened.root, other.root, tmp_path / "mine.py"):
        there.start()
    assert there.code == 0
    there.send()
    toy.merge_here(opened, "second")
    keys = OpenCampaign(opened.root).step("second").table().keys()
    assert keys[2:4] == ["of-first:u00002", "of-first#2:u00000"]
    toy.verified(opened)


KEEPS_FILES = """
import numpy as np
from hpcml.workload import Column, InputSpec, Table, Unit, Workload
from dataclasses import dataclass

@dataclass(frozen=True)
class Nothing:
    pass

class Models(Workload):
    name, version, Parameters, artifacts = "models", 1, Nothing, ("model",)
    def units(self, inputs):
        return [Unit(f"m{number}", {"number": number}) for number in range(4)]
    def tables(self, inputs):
        return (Table("rows", (Column("value", "f8"),)),)
    def open(self, inputs):
        return None
    def process(self, unit, shared, ctx):
        ctx.artifact("model").write_text(f"weights of {unit.key}")
        return {"rows": {"value": np.ones(1)}}

class Reads(Workload):
    name, version, Parameters, inputs = "reads", 1, Nothing, (InputSpec("models", "a Models step"),)
    def units(self, inputs):
        return [Unit(key) for key, _, _ in inputs["models"].files()]
    def tables(self, inputs):
        return (Table("lengths", (Column("length", "i8"),)),)
    def open(self, inputs):
        return {key: path.read_text() for key, _, path in inputs["models"].files()}
    def process(self, unit, shared, ctx):
        return {"lengths": {"length": np.array([len(shared[unit.key])])}}
"""


def test_files_kept_with_results_travel_both_ways_and_from_another_campaign(tmp_path: Path) -> None:
    (tmp_path / "files.py").write_text(KEEPS_FILES)
    first = toy.planned(tmp_path, {"name": "models", "workload": "files.py:Models"}, root=tmp_path / "first")
    there = Elsewhere(tmp_path / "job-models", first, "models")
    there.start()
    there.send()
    toy.merge_here(first, "models")
    assert len(list(first.step("models").layout.artifacts.glob("??/*"))) == 4
    reads = {
        "name": "read",
        "workload": "files.py:Reads",
        "inputs": {"models": f"campaign:{first.root}/models"},
    }
    second = toy.planned(tmp_path, reads)
    there = Elsewhere(tmp_path / "job-read", second, "read")
    with away(first.root, second.root, tmp_path / "files.py"):
        there.start()
    assert there.code == 0
    there.send()
    toy.merge_here(second, "read")
    toy.verified(first)
    assert OpenCampaign(second.root).step("read").table().array("length").tolist() == [13] * 4


def test_a_changed_input_is_told_before_anything_travels(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("measured")
    opened = toy.planned(tmp_path, toy.step(inputs={"data": "data.txt"}))
    (tmp_path / "data.txt").write_text("other")
    with pytest.raises(Exception, match="has changed since"):
        make_sandbox(opened, opened.step("toy"), 1)


def test_files_outside_the_campaign_cannot_travel(tmp_path: Path) -> None:
    opened = toy.planned(tmp_path, toy.step(workload="Files"))
    with pytest.raises(UsageError, match="no file transfer brings back"):
        make_sandbox(opened, opened.step("toy"), 1)


def test_what_the_campaign_holds_is_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = toy.planned(tmp_path)
    toy.work_here(opened, shard=0, shards=2)
    before = toy.done_units(opened)
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "toy.log"))
    there = Elsewhere(tmp_path / "job", opened, "toy")
    there.start()
    assert {line.key for line in toy.said(tmp_path / "toy.log", "end")}.isdisjoint(before)
    there.send()
    toy.merge_here(opened)


def test_failures_travel_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FAIL", "u00003")
    opened = toy.planned(tmp_path)
    first = Elsewhere(tmp_path / "job1", opened, "toy")
    first.start()
    assert first.code == 3
    first.send()
    assert ingest(opened) == []
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "toy.log"))
    second = Elsewhere(tmp_path / "job2", opened, "toy")
    second.start()
    assert second.code == 3
    assert toy.said(tmp_path / "toy.log") == []  # it had failed often enough
