"""Labels of the values in a wide column: in the result file, in frames, in the content digest."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import toy
from hypothesis import given
from hypothesis import strategies as st
from toy_columns import LABELS, Labelled

from hpcml.errors import UsageError
from hpcml.store.merging import ContentDigest
from hpcml.store.schema import Schema, schema_from_json, schema_of
from hpcml.store.table import StepTable
from hpcml.testing import run_in_memory
from hpcml.workload import Column, Table


@pytest.fixture
def table(tmp_path: Path) -> StepTable:
    opened = toy.computed(tmp_path, toy.step("toy", "Labelled", toy.COLUMNS, parameters={"n": 4, "width": 3}))
    toy.merge_here(opened)
    toy.verified(opened)
    return opened.step("toy").table()


def schema(*columns: Column, table: str = "t") -> Schema:
    class Declared(Labelled):
        def tables(self, inputs: object) -> tuple[Table, ...]:
            return (Table(table, columns),)

    return schema_of(Declared(Labelled.Parameters()), {})


def test_a_table_gives_its_labels(table: StepTable) -> None:
    assert table.labels("wide", "rows") == table.labels("wide", "sums") == LABELS
    assert table.labels("bare", "rows") == ()
    with pytest.raises(UsageError, match="no column 'wides'"):
        table.labels("wides", "rows")


def test_any_hdf5_reader_finds_them(table: StepTable) -> None:
    with h5py.File(table.layout.table) as file:
        assert tuple(file["labels/rows/wide"].asstr()[:]) == LABELS
        assert list(file["labels/rows"]) == ["deep", "flat", "wide"]
        assert "labels" not in file["rows/wide"].attrs


def test_a_frame_has_a_column_per_label(table: StepTable) -> None:
    frame = table.frame("rows")
    assert list(frame.columns) == [
        "unit", "number", "label", "bare", *LABELS[:2], "wide[number]", "a", "b", "p", "q", "r", "s"
    ]  # fmt: skip
    assert frame["wide[number]"].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert frame[LABELS[0]].dtype == np.float64
    assert [value.tolist() for value in frame["b"][:2]] == [[1, 3], [1, 3]]
    assert frame["r"].tolist() == [2] * 4
    assert list(table.frame("sums").columns) == ["wide"]


def test_thousands_of_labels(tmp_path: Path) -> None:
    parameters = {"n": 2, "width": 2800}
    opened = toy.computed(tmp_path, toy.step("toy", "Labelled", toy.COLUMNS, parameters=parameters))
    toy.merge_here(opened)
    toy.verified(opened)
    table = opened.step("toy").table()
    assert len(table.labels("wide", "rows")) == 2800
    assert table.frame("rows")["x2799"].tolist() == [699.75, 700.75]


def test_a_step_in_memory_gives_them_too() -> None:
    assert run_in_memory(Labelled(Labelled.Parameters(n=2, width=3)), seed=1).labels("wide", "rows") == LABELS


labels = st.lists(
    st.text(min_size=1, max_size=8).filter(str.isprintable), min_size=1, max_size=6, unique=True
)


@given(labels)
def test_a_unit_list_keeps_them(chosen: list[str]) -> None:
    declared = schema(Column("x", "f4", (len(chosen),), labels=tuple(chosen)))
    assert schema_from_json(declared.to_json()) == declared


@given(labels, labels)
def test_other_labels_are_other_content(first: list[str], second: list[str]) -> None:
    def digest(chosen: list[str]) -> str:
        one = schema(
            Column("x", "f4", (6,), labels=tuple(f"{at}{text}" for at, text in enumerate((chosen * 6)[:6])))
        )
        return ContentDigest(one.tables[0], np.array([b"u"])).hexdigest()

    same = (first * 6)[:6] == (second * 6)[:6]
    assert (digest(first) == digest(second)) is same


def test_a_column_without_labels_is_written_as_before() -> None:
    assert "labels" not in schema(Column("x", "f4", (2,))).to_json()[0]["columns"][0]
    schema(Column("x", "f4"), table="labels")


@pytest.mark.parametrize(
    ("shape", "given", "words"),
    [
        ((3,), ("a", "b"), "2 labels for the row shape (3,)"),
        ((), ("a",), "1 labels for the row shape ()"),
        ((2, 3), ("a", "b"), "2 labels for the row shape (2, 3)"),
        ((2,), ("a", "a"), "duplicate label 'a'"),
        ((2,), ("a", ""), "the label '' is not printable text"),
        ((2,), ("a", "b\n"), "is not printable text"),
        ((2,), "ab", "labels are a tuple of texts"),
        ((2,), (1, 2), "labels are a tuple of texts"),
    ],
)
def test_bad_labels_are_refused(shape: tuple[int, ...], given: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        schema(Column("x", "f8", shape, labels=given))
    assert words in caught.value.message and "column 'x'" in caught.value.message


def test_a_table_called_labels_is_refused_beside_them() -> None:
    with pytest.raises(UsageError, match="no table can be called 'labels'"):
        schema(Column("x", "f8", (1,), labels=("a",)), table="labels")
