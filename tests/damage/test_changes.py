"""Inputs and plans that changed since: noticed, and refused with a diff."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import toy
from damaging import Capture


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(b"0123456789" * 100)
    return path


def test_a_changed_input_file_is_noticed_and_a_touch_is_not(
    tmp_path: Path, data: Path, capsys: Capture
) -> None:
    job = toy.step(inputs={"data": "data.bin"})
    opened = toy.planned(tmp_path, job)
    work = ("work", opened.root, "--step", "toy")
    data.write_bytes(b"0123456789" * 99)
    ended = toy.hpcml_here(capsys, *work)
    assert ended.code == 2 and "990 bytes, 1000" in ended.error()
    data.write_bytes(b"9876543210" * 100)
    ended = toy.hpcml_here(capsys, *work)
    assert ended.code == 2 and "other content" in ended.error()
    data.write_bytes(b"0123456789" * 100)
    os.utime(data, (1, 1))
    assert toy.hpcml_here(capsys, *work).code == 0
    data.unlink()
    ended = toy.hpcml_here(capsys, *work)
    assert ended.code == 2 and "data.bin" in ended.error()


def test_a_plan_over_a_changed_input_is_refused_with_a_diff(
    tmp_path: Path, data: Path, capsys: Capture
) -> None:
    job = toy.step(inputs={"data": "data.bin"})
    opened = toy.computed(tmp_path, job)
    data.write_bytes(b"longer than before" * 100)
    ended = toy.hpcml_here(capsys, "plan", tmp_path / "job.yaml", "--dir", opened.root)
    assert ended.code == 2
    assert (
        "steps.toy.inputs.data" in ended.error() and "1000 B" in ended.error() and "1800 B" in ended.error()
    )


@pytest.mark.parametrize(
    ("change", "diff"),
    [
        ({"parameters": {"scale": 2.0}}, "steps.toy.parameters.scale: 1.0 -> 2.0"),
        ({"parameters": {"width": 5}}, "steps.toy.parameters.width: 4 -> 5"),
        ({"workload": f"{toy.WORKLOADS}:Kept"}, "steps.toy.workload: "),
        ({"sweep": {"scale": [1.0]}}, "steps.toy.swept parameters: [] -> "),
        ({"name": "other"}, "steps.toy: there -> (absent)"),
    ],
)
def test_a_changed_plan_is_refused_with_a_diff(
    tmp_path: Path, capsys: Capture, wanted: dict[str, str], change: dict[str, object], diff: str
) -> None:
    opened = toy.computed(tmp_path)
    job = toy.write_job(tmp_path, {**toy.step(), **change})
    ended = toy.hpcml_here(capsys, "plan", job, "--dir", opened.root)
    assert ended.code == 2 and diff in ended.error()
    assert toy.merge_here(opened) == wanted, "nothing happened"


def test_a_changed_seed_is_refused_and_changed_resources_are_not(tmp_path: Path, capsys: Capture) -> None:
    opened = toy.computed(tmp_path)
    job = toy.write_job(tmp_path, seed=8)
    ended = toy.hpcml_here(capsys, "plan", job, "--dir", opened.root)
    assert ended.code == 2 and "seed: 7 -> 8" in ended.error()
    job = toy.write_job(tmp_path, toy.step(resources={"shards": 9, "memory": "3 GB"}), seed=7)
    assert toy.hpcml_here(capsys, "plan", job, "--dir", opened.root).code == 0


def test_another_version_of_the_workload_is_refused(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = toy.planned(tmp_path)
    monkeypatch.setenv("TOY_VERSION", "2")
    for words in (
        ("work", opened.root, "--step", "toy"),
        ("plan", tmp_path / "job.yaml", "--dir", opened.root),
    ):
        ended = toy.hpcml_here(capsys, *words)
        assert ended.code == 2 and "version" in ended.error()


def test_a_step_whose_input_has_results_behind_it_cannot_grow(tmp_path: Path, capsys: Capture) -> None:
    behind = toy.step("behind", "Behind", inputs={"samples": "toy"})
    opened = toy.computed(tmp_path, toy.step(), behind)
    toy.merge_here(opened)
    assert toy.work_here(opened, "behind") == 0
    job = toy.write_job(tmp_path, toy.step(parameters={"n": 30}), behind)
    ended = toy.hpcml_here(capsys, "plan", job, "--dir", opened.root)
    assert ended.code == 2 and "'behind' has results" in ended.error()
