"""The schema of a step's tables as the store sees it: exact dtypes, row shapes, built-in tables.

Schema (from Workload.tables()), its JSON form, and the two tables that the engine adds for workloads that
leave files: `artifacts` and `externals`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import UsageError
from hpcml.store.text import Widths
from hpcml.user_code import calling_user_code
from hpcml.workload import Column, Table

if TYPE_CHECKING:
    from hpcml.workload import Input, Workload

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
RESERVED = frozenset({"units", "index", "summary", "missing", "conflicts", "provenance"})
LABELS = "labels"  # group of table.h5
ARTIFACTS = Table(
    "artifacts",
    (
        Column("name", "S64", meaning="name given by the workload"),
        Column("digest", "S64", meaning="sha256 of the content; the file is artifacts/<2 digits>/<digest>"),
        Column("bytes", "u8", unit="B", meaning="size of the file"),
    ),
)
EXTERNALS = Table(
    "externals",
    (
        Column("path", "S512", meaning="a file outside the campaign"),
        Column("digest", "S64", meaning="sha256 of its content when it was recorded"),
        Column("bytes", "u8", unit="B", meaning="size of the file"),
    ),
)


@dataclass(frozen=True, slots=True)
class Field:
    """A column with its NumPy types: `dtype` of one value, `shape` of one row, `width` bytes per row.

    text: of dtype `str`. Its dtype is then that of a text of one byte until `sized` gives it the width that
    it has in one file (see text.py).
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    width: int
    unit: str
    meaning: str
    text: bool = False
    labels: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of values in one row."""
        return self.width // self.dtype.itemsize

    @property
    def declared(self) -> str:
        """The dtype as it goes into the unit list and into content digests."""
        return "str" if self.text else self.dtype.str

    def sized(self, bytes_per_text: int) -> Field:
        return replace(self, dtype=np.dtype(f"S{bytes_per_text}"), width=bytes_per_text * self.size)


@dataclass(frozen=True, slots=True)
class TableSchema:
    name: str
    kind: str
    materialise: bool
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    tables: tuple[TableSchema, ...]

    def table(self, name: str) -> TableSchema:
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)

    def sized(self, widths: Widths) -> Schema:
        """The schema of a file whose text columns have these widths; equal to this one without text."""
        if not widths:
            return self
        return Schema(
            tuple(
                replace(
                    table,
                    fields=tuple(
                        one.sized(widths.get(f"{table.name}/{one.name}", 1)) if one.text else one
                        for one in table.fields
                    ),
                )
                for table in self.tables
            )
        )

    def text_columns(self) -> list[str]:
        """`table/column` of each column of dtype `str`."""
        return [f"{table.name}/{one.name}" for table in self.tables for one in table.fields if one.text]

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {
                "name": table.name,
                "kind": table.kind,
                "materialise": table.materialise,
                "columns": [
                    {
                        "name": one.name, "dtype": one.declared, "shape": list(one.shape),
                        "unit": one.unit, "meaning": one.meaning,
                        **({"labels": list(one.labels)} if one.labels else {}),
                    }
                    for one in table.fields
                ],
            }
            for table in self.tables
        ]  # fmt: skip

    def labelled(self) -> dict[str, tuple[str, ...]]:
        """{`table/column`: labels} of the columns that have labels."""
        return {
            f"{table.name}/{one.name}": one.labels
            for table in self.tables
            for one in table.fields
            if one.labels
        }


def schema_of(workload: Workload, inputs: Mapping[str, Input]) -> Schema:
    """The schema of what `workload` returns, with the built-in tables it needs; checks names and dtypes."""
    with calling_user_code(workload.name, "tables()"):
        tables = [*workload.tables(inputs)]
    if not all(isinstance(table, Table) for table in tables):
        raise UsageError(
            f"workload {workload.name!r}: tables() gives something else than hpcml.workload.Table"
        )
    if workload.artifacts:
        tables.append(ARTIFACTS)
    if workload.externals:
        tables.append(EXTERNALS)
    if not tables:
        raise UsageError(f"workload {workload.name!r} declares no table")
    if len({table.name for table in tables}) != len(tables):
        raise UsageError(f"workload {workload.name!r} declares two tables of one name")
    schema = Schema(tuple(_table(workload.name, table) for table in tables))
    if schema.labelled() and LABELS in [table.name for table in tables]:
        raise UsageError(
            f"workload {workload.name!r}: beside columns with labels no table can be called {LABELS!r}"
        )
    return schema


def schema_from_json(raw: list[Mapping[str, Any]]) -> Schema:
    tables = []
    for item in raw:
        columns = tuple(
            Column(**{**one, "shape": tuple(one["shape"]), "labels": tuple(one.get("labels", ()))})
            for one in item["columns"]
        )
        tables.append(_table("", Table(item["name"], columns, item["kind"], item["materialise"])))
    return Schema(tuple(tables))


def _table(workload: str, table: Table) -> TableSchema:
    where = f"workload {workload!r}, table {table.name!r}"
    if not NAME.fullmatch(table.name) or table.name in RESERVED:
        raise UsageError(f"{where}: a table cannot have this name")
    if not table.columns:
        raise UsageError(f"{where}: no columns")
    if table.kind not in ("rows", "sum", "min", "max"):
        raise UsageError(f"{where}: unknown kind {table.kind!r}, allowed: rows, sum, min, max")
    fields = []
    for column in table.columns:
        try:
            dtype = np.dtype("S1" if column.dtype == "str" else column.dtype)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{where}: column {column.name!r}: {error}") from error
        if dtype.kind not in "biufcS" or dtype.hasobject or dtype.itemsize == 0:
            raise UsageError(
                f"{where}: column {column.name!r} has dtype {column.dtype!r}",
                "use bool, integers, floats, complex, 'str' for text, or bytes of fixed length such as 'S32'",
            )
        if table.kind != "rows" and dtype.kind not in "iuf":
            raise UsageError(f"{where}: column {column.name!r}: kind {table.kind!r} needs numbers")
        if not NAME.fullmatch(column.name):
            raise UsageError(f"{where}: a column cannot be called {column.name!r}")
        # little-endian on disk, whatever the machine
        dtype = dtype.newbyteorder("<")
        width = dtype.itemsize * math.prod(column.shape)
        if width == 0 or any(size < 0 for size in column.shape):
            raise UsageError(f"{where}: column {column.name!r} has the row shape {column.shape}")
        _check_labels(f"{where}, column {column.name!r}", column)
        fields.append(
            Field(
                name=column.name,
                dtype=dtype,
                shape=tuple(column.shape),
                width=width,
                unit=column.unit,
                meaning=column.meaning,
                text=column.dtype == "str",
                labels=tuple(column.labels),
            )
        )
    if len({one.name for one in fields}) != len(fields):
        raise UsageError(f"{where}: two columns of one name")
    return TableSchema(table.name, table.kind, table.materialise, tuple(fields))


def _check_labels(where: str, column: Column) -> None:
    labels = column.labels
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise UsageError(f"{where}: labels are a tuple of texts")
    if not labels:
        return
    lengths = {column.shape[-1], math.prod(column.shape)} if column.shape else set()
    if len(labels) not in lengths:
        raise UsageError(
            f"{where}: {len(labels)} labels for the row shape {column.shape}",
            "give one label per value of the row, or per place on its last axis",
        )
    for label in labels:
        if not label or not label.isprintable():
            raise UsageError(f"{where}: the label {label!r} is not printable text")
    if len(set(labels)) != len(labels):
        twice = next(label for at, label in enumerate(labels) if label in labels[:at])
        raise UsageError(f"{where}: duplicate label {twice!r}")
