"""The tables of several steps read as one input, one after the other.

Rows and units come in the order of the job file. A unit key gets the name of its step in front
(`real:u00001`), so that equal keys of two steps stay apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import UsageError
from hpcml.store.schema import ARTIFACTS, EXTERNALS, Field, TableSchema
from hpcml.store.table import StepTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUILT_IN = (ARTIFACTS.name, EXTERNALS.name)


class JoinedTables:
    """What `inputs[name]` is for a list of steps. Arrays are copies in memory, read-only, made once.

    Raises UsageError when the tables of two steps differ in a column.
    """

    is_step = True

    def __init__(self, name: str, tables: Sequence[StepTable]) -> None:
        self.name = name
        self._tables = tuple(tables)
        self._labels = _distinct([table.layout.name for table in tables])
        self._columns: dict[tuple[str, str], NDArray[Any]] = {}
        for label, table in zip(self._labels[1:], self._tables[1:], strict=True):
            found = _difference(self._tables[0], self._labels[0], table, label)
            if found:
                raise UsageError(
                    f"input {name!r}: {found}", "steps that are read as one input have equal columns"
                )

    @property
    def paths(self) -> Sequence[Path]:
        return tuple(path for table in self._tables for path in table.paths)

    def has(self, column: str, table: str = "") -> bool:
        return all(one.has(column, table) for one in self._tables)

    def rows(self, table: str = "") -> int:
        return sum(one.rows(table) for one in self._tables)

    def array(self, column: str, table: str = "") -> NDArray[Any]:
        if (table, column) not in self._columns:
            for one in self._tables:
                one.index(table)  # refuses reduced tables: a sum is over the units of one step
            joined = np.concatenate([one.array(column, table) for one in self._tables])
            joined.setflags(write=False)
            self._columns[table, column] = joined
        return self._columns[table, column]

    def columns(self, table: str, *names: str) -> tuple[NDArray[Any], ...]:
        return tuple(self.array(name, table) for name in names or self._tables[0].column_names(table))

    def labels(self, column: str, table: str = "") -> tuple[str, ...]:
        return self._tables[0].labels(column, table)

    def keys(self) -> Sequence[str]:
        named = zip(self._labels, self._tables, strict=True)
        return [f"{label}:{key}" for label, table in named for key in table.keys()]  # noqa: SIM118 no dict

    def index(self, table: str = "") -> NDArray[np.uint64]:
        counts = np.concatenate([one.index(table)[:, 1] for one in self._tables])
        return np.stack([np.cumsum(counts) - counts, counts], axis=1)

    def payload(self, name: str) -> NDArray[Any]:
        found = [table.payload(name) for table in self._tables]
        kinds = {array.dtype.kind for array in found if len(array)}
        if len(kinds) > 1:
            shown = ", ".join(
                f"{array.dtype} in {label}" for label, array in zip(self._labels, found, strict=True)
            )
            raise UsageError(f"input {self.name!r}: the payload {name!r} differs: {shown}")
        return np.concatenate(found)

    def files(self) -> Sequence[tuple[str, str, Path]]:
        named = zip(self._labels, self._tables, strict=True)
        return [(f"{label}:{key}", name, path) for label, table in named for key, name, path in table.files()]


def _distinct(names: Sequence[str]) -> list[str]:
    """Steps of two campaigns may have one name: the second `scan` is `scan#2`."""
    seen: Counter[str] = Counter()
    labels = []
    for name in names:
        seen[name] += 1
        labels.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return labels


def _difference(first: StepTable, first_name: str, other: StepTable, other_name: str) -> str:
    """The first way in which the tables of two steps do not fit; empty when they do."""
    for name in dict.fromkeys([*first.tables(), *other.tables()]):
        if name in BUILT_IN:
            continue
        for here, there, table in ((first_name, other_name, other), (other_name, first_name, first)):
            if name not in table.tables():
                return f"step {here!r} has a table {name!r} and step {there!r} has none"
        found = _differing_column(first.schema.table(name), other.schema.table(name))
        if found:
            return f"table {name!r} of step {other_name!r} does not fit that of step {first_name!r}: {found}"
    return ""


def _differing_column(first: TableSchema, other: TableSchema) -> str:
    if first.kind != other.kind:
        return f"its kind is {other.kind}, not {first.kind}"
    ours, theirs = {one.name: one for one in first.fields}, {one.name: one for one in other.fields}
    for name in dict.fromkeys([*ours, *theirs]):
        if name not in theirs:
            return f"it has no column {name!r}"
        if name not in ours:
            return f"it has a column {name!r} more"
        if _type(ours[name]) != _type(theirs[name]):
            return f"column {name!r} is {_type(theirs[name])}, not {_type(ours[name])}"
        if ours[name].labels != theirs[name].labels:
            return f"column {name!r} has other labels"
    if list(ours) != list(theirs):
        moved = next(name for name, there in zip(ours, theirs, strict=True) if name != there)
        return f"column {moved!r} is in another place"
    return ""


def _type(one: Field) -> str:
    """Dtype, shape of a row and unit of measure, in words."""
    shape = f" {one.shape}" if one.shape else ""
    return f"{one.declared}{shape}" + (f" in {one.unit}" if one.unit else "")
