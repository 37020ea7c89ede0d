"""The interface of workloads: units of blocks, typed payloads, inputs, signatures, tables from inputs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_workloads import Toy, ToyParameters

from hpcml import registry
from hpcml.directory.inputs import FileInput
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import JobFileError, UsageError
from hpcml.testing import run_in_memory
from hpcml.workload import Unit, block_units, rows_of

Capture = pytest.CaptureFixture[str]


# ---------------------------------------------------------------- units


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(1, 60), st.integers(1, 8), st.integers(0, 10**6))
def test_blocks_cover_the_rows_once_and_in_order(total: int, size: int, digits: int, start: int) -> None:
    units = list(block_units("rows", total, size, digits=digits, key_start=start, file=3))
    rows = [number for unit in units for number in range(total)[rows_of(unit)]]
    assert rows == list(range(total))
    assert len({unit.key for unit in units}) == len(units)
    for unit in units:
        first, count = unit.integer("first"), unit.integer("count")
        assert list(unit.payload) == ["file", "first", "count"] and 1 <= count <= size
        assert unit.key == f"rows-{start + first:0{digits}d}-{start + first + count - 1:0{digits}d}"
        assert unit.cost == count


def test_blocks_of_one_cost() -> None:
    assert [unit.cost for unit in block_units("showers", 5, 2, digits=5, cost=1.0, plate=-1)] == [1.0] * 3


def test_a_block_has_at_least_one_row() -> None:
    with pytest.raises(UsageError, match="units 'rows': blocks of 0 rows; at least one row is needed"):
        list(block_units("rows", 5, 0))


def test_typed_payload() -> None:
    unit = Unit("u1", {"plate": 3, "slope": 0.5, "name": "lead", "signal": True})
    assert (unit.integer("plate"), unit.number("plate"), unit.number("slope")) == (3, 3.0, 0.5)
    assert isinstance(unit.number("plate"), float)
    assert unit.text("name") == "lead" and unit.flag("signal") is True


@pytest.mark.parametrize(
    ("method", "name", "words"),
    [
        ("integer", "slope", "unit 'u1': payload 'slope' is 0.5, not an integer"),
        ("integer", "signal", "unit 'u1': payload 'signal' is True, not an integer"),
        ("number", "name", "unit 'u1': payload 'name' is 'lead', not a number"),
        ("text", "plate", "unit 'u1': payload 'plate' is 3, not a text"),
        ("flag", "plate", "unit 'u1': payload 'plate' is 3, not a bool"),
        ("integer", "plates", "unit 'u1' has no payload 'plates'"),
    ],
)
def test_a_payload_of_another_type_is_refused(method: str, name: str, words: str) -> None:
    unit = Unit("u1", {"plate": 3, "slope": 0.5, "name": "lead", "signal": True})
    with pytest.raises(UsageError) as error:
        getattr(unit, method)(name)
    assert error.value.message == words
    if name == "plates":
        assert error.value.hint == "did you mean 'plate'?"


# ---------------------------------------------------------------- signatures

MODULE = """
from dataclasses import dataclass
from hpcml.workload import Column, Table, Unit, Workload

@dataclass(frozen=True)
class Nothing:
    pass

class Mine(Workload):
    name, version, Parameters = "mine", 1, Nothing

    def units(self, inputs): return [Unit("only")]
    def tables(self, inputs): return (Table("t", (Column("x", "f8"),)),)
    def process(self, unit, shared, ctx): return {"t": {"x": 1.0}}
"""


@pytest.mark.parametrize(
    ("old", "wanted"),
    [
        ("tables(self)", "tables(self, inputs)"),
        ("summarise(self, tables)", "summarise(self, table)"),
        ("report(self, tables)", "report(self, table, earlier)"),
        ("process(self, unit, ctx)", "process(self, unit, shared, ctx)"),
    ],
)
def test_an_old_signature_is_refused_with_file_method_and_new_form(
    tmp_path: Path, capsys: Capture, old: str, wanted: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"{MODULE}\nclass Old(Mine):\n    def {old}: return ()\n")
    line = path.read_text().splitlines().index(f"    def {old}: return ()") + 1
    with pytest.raises(UsageError) as error:
        registry.load("mine.py:Old", tmp_path)
    assert error.value.message == f"workload 'mine.py:Old': {path}:{line} has {old}; it must be {wanted}"
    assert registry.load("mine.py:Mine", tmp_path).name == "mine"
    ended = toy.hpcml_here(capsys, "workloads", f"{path}:Old")
    assert ended.code == 2 and wanted in ended.stderr and "Traceback" not in ended.stderr


def test_arguments_may_have_other_names_and_defaults(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        f"{MODULE}\nclass Free(Mine):\n"
        "    def tables(self, given): return Mine.tables(self, given)\n"
        "    def report(self, *given): return ()\n"
        "    def summarise(self, found, more=1): return {}\n"
    )
    assert registry.load("mine.py:Free", tmp_path).version == 1


# ---------------------------------------------------------------- inputs


@pytest.mark.parametrize("word", ["array", "columns", "rows", "keys", "index", "payload", "files"])
def test_files_refuse_what_only_a_step_has(word: str) -> None:
    files = FileInput("events", [Path("a.h5")])
    assert not files.is_step and not files.has("x") and not files.has("x", "t")
    with pytest.raises(UsageError) as error:
        getattr(files, word)("x")
    assert error.value.message == f"input 'events' is a file: {word}() is for inputs that are steps"


def inputs_of_both_kinds(tmp_path: Path) -> Iterator[Any]:
    opened = toy.computed(tmp_path / "c", toy.step("step", workload="Toy"))
    toy.merge_here(opened, "step")
    yield OpenCampaign(opened.root).step("step").table()
    yield run_in_memory(Toy(ToyParameters()), seed=7)


def test_a_table_on_disk_and_one_in_memory_answer_alike(tmp_path: Path) -> None:
    stored, memory = inputs_of_both_kinds(tmp_path)
    for table in (stored, memory):
        assert table.is_step and table.has("value", "samples") and not table.has("nothing", "samples")
        assert not table.has("value", "nothing") and table.rows("samples") == len(
            table.array("label", "samples")
        )
        assert not table.array("value", "samples").flags.writeable
        with pytest.raises(UsageError, match="has several tables"):
            table.has("value")
        with pytest.raises(UsageError, match="reduced"):
            table.rows("histogram")
        with pytest.raises(UsageError, match="no column 'valu'") as error:
            table.array("valu", "samples")
        assert error.value.hint == "did you mean 'value'?"
        with pytest.raises(UsageError, match="no table 'sample'"):
            table.array("value", "sample")
        with pytest.raises(UsageError, match="carry no 'nonumber'"):
            table.payload("nonumber")
    assert list(stored.keys()) == list(memory.keys())
    assert np.array_equal(stored.index("samples"), memory.index("samples"))
    for name in ("number", "label"):
        assert np.array_equal(stored.payload(name), memory.payload(name))
    for name in ("samples", "histogram", "least", "largest"):
        for mine, other in zip(stored.columns(name), memory.columns(name), strict=True):
            assert type(mine) is np.ndarray and mine.tobytes() == other.tobytes(), name
    label, value = stored.columns("samples", "label", "value")
    assert label.dtype.kind == "S" and value.shape[1:] == (4,)


KINDS = """
from hpcml.workload import InputSpec
from mine import Mine

class Kinds(Mine):
    inputs = (
        InputSpec("events", "files of events", required=False, kind="files"),
        InputSpec("images", "a step that makes images", required=False, kind="step"),
        InputSpec("any", "files or a step", required=False),
    )
"""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("events", "first", "a step is given, and the workload needs files, found 'first'"),
        ("events", "campaign:other/first", "a step is given, and the workload needs files"),
        ("images", "data.txt", "files are given, and the workload needs a step of this job file or"),
        ("events", "data.txt", ""), ("images", "first", ""), ("any", "first", ""), ("any", "data.txt", ""),
    ],
)  # fmt: skip
def test_the_kind_of_an_input_is_checked_when_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "kinds.py").write_text(KINDS)
    (tmp_path / "data.txt").write_text("1")
    (tmp_path / "other").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    steps = (
        {"name": "first", "workload": "mine.py:Mine"},
        {"name": "second", "workload": "kinds.py:Kinds", "inputs": {name: value}},
    )
    if not words:
        assert toy.planned(tmp_path, *steps).step("second").plan.inputs
        return
    with pytest.raises(JobFileError) as error:
        toy.planned(tmp_path, *steps)
    assert (
        f"steps.second.inputs.{name}: {words}" in error.value.message and "job.yaml:" in error.value.message
    )
    assert error.value.hint.startswith("files of events" if name == "events" else "a step that makes images")


# ---------------------------------------------------------------- tables from inputs


def test_the_data_decide_the_columns_once(tmp_path: Path, capsys: Capture) -> None:
    names = tmp_path / "names.txt"
    names.write_text("pt eta phi")
    step = toy.step(workload="Branches", file=toy.COLUMNS, inputs={"names": str(names)})
    opened = toy.computed(tmp_path, step)
    toy.merge_here(opened)
    table = OpenCampaign(opened.root).step("toy").table()
    assert table.column_names() == ["pt", "eta", "phi"]
    told = toy.hpcml_here(capsys, "workloads", f"{toy.COLUMNS}:Branches")
    assert told.code == 0 and "tables: the columns depend on the inputs" in told.stdout
    plain = toy.hpcml_here(capsys, "workloads", f"{toy.COLUMNS}:Words")
    assert "word: str" in plain.stdout


def test_tables_is_asked_when_units_are_listed_and_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    names = tmp_path / "names.txt"
    names.write_text("pt eta")
    step = toy.step(workload="Branches", file=toy.COLUMNS, inputs={"names": str(names)}, parameters={"n": 4})
    opened = toy.planned(tmp_path, step)
    kind = type(opened.step("toy").instance({}))
    monkeypatch.setattr("hpcml.directory.listing.schema_of", lambda *_: asked.append("again"))
    assert kind.__name__ == "Branches"
    toy.planned(tmp_path, {**step, "parameters": {"n": 6}})  # more units: the columns stay
    assert toy.work_here(opened) == 0
    toy.merge_here(opened)
    assert asked == [] and OpenCampaign(opened.root).step("toy").table().rows() == 6


# ---------------------------------------------------------------- summarise and report


def test_a_step_gets_its_own_table_and_those_before_it(tmp_path: Path) -> None:
    """Whatever the job file calls the steps."""
    pytest.importorskip("matplotlib")
    from hpcml.commands.report import report

    steps = (
        toy.step("aa", "Toy", parameters={"n": 4}),
        toy.step("zz", "Drawn", toy.COLUMNS, inputs={"samples": "aa"}, parameters={"n": 4}),
    )
    opened = toy.computed(tmp_path, *steps)
    toy.merge_here(opened, "aa")
    assert toy.work_here(OpenCampaign(opened.root), "zz") == 0
    toy.merge_here(opened, "zz")
    again = OpenCampaign(opened.root)
    table = again.step("zz").table()
    assert table.summary()["grand_total"] == pytest.approx(float(table.array("total").sum()))
    report(again)
    assert "drawn of 4 rows, before it: aa" in (opened.root / "report/index.html").read_text()
