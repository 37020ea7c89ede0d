"""The merged table of a step whose results are all in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import UsageError, nearest
from hpcml.store.layout import StepLayout
from hpcml.store.merging import reduce_table
from hpcml.store.parts import first_and_rows
from hpcml.store.schema import Schema, TableSchema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workload import Unit


class MemoryTable:
    """The merged table of a step that was computed in memory; an Input of the next workload.

    tables: {table: {column: array}}, rows joined in unit order, reduced tables reduced.
    """

    is_step = True
    paths: Sequence[Path] = ()

    def __init__(
        self,
        layout: StepLayout,
        schema: Schema,
        units: Sequence[Unit],
        results: Sequence[Mapping[str, Mapping[str, NDArray[Any]]]],
    ) -> None:
        self.units = tuple(units)
        self.schema = schema
        self.tables = {
            table.name: _joined(table, [result[table.name] for result in results]) for table in schema.tables
        }
        for columns in self.tables.values():
            for array in columns.values():
                array.setflags(write=False)  # as those of a file are
        self._layout = layout
        self._rows = {
            table.name: np.array(
                [len(result[table.name][table.fields[0].name]) for result in results], np.int64
            )
            for table in schema.tables
            if table.kind == "rows"
        }

    def has(self, column: str, table: str = "") -> bool:
        return (not table or table in self.tables) and column in self.tables[self._table(table)]

    def rows(self, table: str = "") -> int:
        return int(self.index(table)[:, 1].sum())

    def array(self, column: str, table: str = "") -> NDArray[Any]:
        name = self._table(table)
        if column not in self.tables[name]:
            raise UsageError(
                f"table {name!r} has no column {column!r}", nearest(column, list(self.tables[name]))
            )
        return self.tables[name][column]

    def labels(self, column: str, table: str = "") -> tuple[str, ...]:
        name = self._table(table)
        self.array(column, name)
        return next(one.labels for one in self.schema.table(name).fields if one.name == column)

    def columns(self, table: str, *names: str) -> tuple[NDArray[Any], ...]:
        return tuple(self.array(name, table) for name in names or self.tables[self._table(table)])

    def keys(self) -> Sequence[str]:
        return [unit.key for unit in self.units]

    def index(self, table: str = "") -> NDArray[np.uint64]:
        name = self._table(table)
        if name not in self._rows:
            raise UsageError(f"table {name!r} is reduced over the units: it has no row per unit")
        return first_and_rows(self._rows[name])

    def payload(self, name: str) -> NDArray[Any]:
        known = list(self.units[0].payload) if self.units else []
        if name not in known:
            raise UsageError(f"the units carry no {name!r}", nearest(name, known))
        values = [unit.payload[name] for unit in self.units]
        return np.array([value.encode() if isinstance(value, str) else value for value in values])

    def files(self) -> Sequence[tuple[str, str, Path]]:
        if "artifacts" not in self.tables:
            return ()
        keys = np.repeat(np.array(self.keys(), object), self._rows["artifacts"])
        names, digests = self.columns("artifacts", "name", "digest")
        return [
            (str(key), name.decode(), self._layout.artifact(digest.decode()))
            for key, name, digest in zip(keys, names.tolist(), digests.tolist(), strict=True)
        ]

    def _table(self, name: str) -> str:
        own = [table for table in self.tables if table not in ("artifacts", "externals")]
        if not name and len(own) != 1:
            raise UsageError(f"the step has several tables: {', '.join(own)}", "name the one you want")
        if name and name not in self.tables:
            raise UsageError(f"the step has no table {name!r}", nearest(name, own))
        return name or own[0]


def _joined(table: TableSchema, results: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The columns of all units as a merge would write them."""
    pieces = {one.name: [result[one.name] for result in results] for one in table.fields}
    if table.kind != "rows":
        return reduce_table(
            table, lambda one: (array.reshape(-1).view(np.uint8).data for array in pieces[one.name])
        )
    return {
        one.name: np.concatenate([np.empty((0, *one.shape), one.dtype), *pieces[one.name]])
        for one in table.fields
    }
