"""The merged table of a step: its layout in the file, and reading it.

    /units/key, /units/<payload>       units in the order of the result
    /index/<table>                     (units, 2): first row and number of rows of each unit
    /labels/<table>/<column>           names of the values in a row, of columns that have labels
    /<table>/<column>                  rows in unit order (kind sum, min, max: the reduced array)
    /missing/key, /missing/reason      units absent by --allow-missing
    /conflicts/...                     units whose results contradicted, with --on-conflict first
    /provenance                        job file, versions, hosts, seed, fingerprint

StepTable, which is what workloads and notebooks get for a merged step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import Incomplete, IntegrityError, UsageError, nearest
from hpcml.store.blocks import SealedReader
from hpcml.store.layout import StepLayout
from hpcml.store.schema import Field, Schema, schema_from_json
from hpcml.store.text import decode_text

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


class StepTable:
    """A merged step, read lazily. Columns come as read-only memory maps where they lie contiguous."""

    def __init__(self, step: StepLayout) -> None:
        if not step.table.is_file():
            raise Incomplete(f"step {step.name!r} has no table yet", "`hpcml merge` writes it")
        self.layout = step
        self._file = SealedReader(step.table)
        self.about: dict[str, Any] = self._file.about
        self.schema: Schema = schema_from_json(self.about["schema"])
        self._fields = {table.name: {one.name: one for one in table.fields} for table in self.schema.tables}

    @cached_property
    def _mapped(self) -> NDArray[np.uint8]:
        """The bytes of the file: one map for all columns, of which there may be thousands."""
        return np.memmap(self.layout.table, np.uint8, "r")

    def __repr__(self) -> str:
        tables = "; ".join(f"{name}: {', '.join(self.column_names(name))}" for name in self.tables())
        return f"<table of step {self.layout.name!r}, {self.about['units']} units; {tables}>"

    @property
    def paths(self) -> Sequence[Path]:
        return (self.layout.table,)

    @property
    def digests(self) -> dict[str, str]:
        """Content digest of each table: equal digests mean equal results."""
        return dict(self.about["digests"])

    def tables(self) -> list[str]:
        return [table.name for table in self.schema.tables]

    @property
    def is_step(self) -> bool:
        return True

    def column_names(self, table: str = "") -> list[str]:
        return list(self._fields[self._table(table)])

    def columns(self, table: str, *names: str) -> tuple[NDArray[Any], ...]:
        """Columns as plain arrays, in the order of `names`; all of the table when no name is given."""
        return tuple(np.asarray(self.array(name, table)) for name in names or self.column_names(table))

    def has(self, column: str, table: str = "") -> bool:
        """Is there such a column? False when there is no such table either."""
        return (not table or table in self.tables()) and column in self.column_names(table)

    def rows(self, table: str = "") -> int:
        """Number of rows of a table of kind `rows`."""
        return int(self.index(table)[:, 1].sum())

    def key_bytes(self) -> NDArray[np.bytes_]:
        return self._file.array("units/key")

    def keys(self) -> Sequence[str]:
        return [key.decode() for key in self.key_bytes().tolist()]

    def payload(self, name: str) -> NDArray[Any]:
        known = [item.partition("/")[2] for item in self._file.names() if item.startswith("units/")]
        if name not in known:
            raise UsageError(f"units of step {self.layout.name!r} carry no {name!r}", nearest(name, known))
        return self._file.array(f"units/{name}")

    def payload_names(self) -> list[str]:
        names = [item.partition("/")[2] for item in self._file.names() if item.startswith("units/")]
        return [name for name in names if name != "key"]

    def index(self, table: str = "") -> NDArray[np.uint64]:
        name = self._table(table)
        if self.schema.table(name).kind != "rows":
            raise UsageError(f"table {name!r} is reduced over the units: it has no row per unit")
        return self._file.array(f"index/{name}")

    def labels(self, column: str, table: str = "") -> tuple[str, ...]:
        """Names of the values in a row of the column; none when it was declared without."""
        return self._field(column, self._table(table)).labels

    def array(self, column: str, table: str = "") -> NDArray[Any]:
        """A column, shape (rows, *row shape); of a reduced table the array itself. Text is a copy."""
        name = self._table(table)
        found = self.stored(column, name)
        return decode_text(found) if self._fields[name][column].text else found

    def stored(self, column: str, table: str = "") -> NDArray[Any]:
        """A column as it is in the file: text as UTF-8 bytes."""
        name = self._table(table)
        schema = self.schema.table(name)
        self._field(column, name)
        if schema.kind == "rows" and not schema.materialise:
            return self._from_parts(name, column)
        extent = self._file.extent(f"{name}/{column}")
        if extent.nbytes == 0:
            return np.empty(extent.shape, extent.dtype)
        if extent.offset == 0:
            import h5py

            with h5py.File(self.layout.table, "r", locking=False) as file:
                data: NDArray[Any] = file[f"{name}/{column}"][...]
            return data
        end = extent.offset + extent.nbytes
        found: NDArray[Any] = self._mapped[extent.offset : end].view(extent.dtype).reshape(extent.shape)
        return found

    def summary(self) -> dict[str, Any]:
        """Small results of the workload's summarise(), by name."""
        if not self.layout.summary.is_file():
            return {}
        with SealedReader(self.layout.summary) as file:
            found = {name: file.array(name) for name in file.names()}
        return {name: value.item() if value.ndim == 0 else value for name, value in found.items()}

    def missing(self) -> list[str]:
        """Keys of units that were absent when the table was merged with --allow-missing."""
        if not self.about["missing"]:
            return []
        return [key.decode() for key in self._file.array("missing/key").tolist()]

    def files(self) -> Sequence[tuple[str, str, Path]]:
        """(unit key, name, path) of each artifact."""
        if "artifacts" not in self.tables():
            return ()
        keys = np.repeat(np.array(self.keys(), object), self.index("artifacts")[:, 1].astype(np.int64))
        names, digests = self.array("name", "artifacts"), self.array("digest", "artifacts")
        return [
            (str(key), name.decode(), self.layout.artifact(digest.decode()))
            for key, name, digest in zip(keys, names.tolist(), digests.tolist(), strict=True)
        ]

    def frame(self, table: str = "") -> pd.DataFrame:
        """The table as pandas: columns of one value a row, and the unit key and payload of each row.

        A column with a row shape becomes a column of arrays; one with labels becomes a column per label. The
        name of that is the label, or COLUMN[LABEL] where anything else in the table is called like the label.
        """
        import pandas as pd

        name = self._table(table)
        data: dict[str, Any] = {}
        if self.schema.table(name).kind == "rows":
            repeat = self.index(name)[:, 1].astype(np.int64)
            data["unit"] = np.repeat(np.array(self.keys(), object), repeat)
            for item in self.payload_names():
                data[item] = _text(np.repeat(self.payload(item), repeat))
        schema = self.schema.table(name)
        fields = schema.fields
        names = [*data, *self.column_names(name), *(label for one in fields for label in one.labels)]
        taken = Counter(names)
        for one in fields:
            values = self.array(one.name, name)
            if one.labels and schema.kind == "rows":
                if len(one.labels) == one.size:
                    values = values.reshape(len(values), one.size)
                for at, label in enumerate(one.labels):
                    title = label if taken[label] == 1 else f"{one.name}[{label}]"
                    data[title] = _per_row(values[..., at])
            else:
                data[one.name] = _per_row(values)
        return pd.DataFrame(data)

    def _field(self, column: str, table: str) -> Field:
        fields = self._fields[table]
        if column not in fields:
            raise UsageError(f"table {table!r} has no column {column!r}", nearest(column, list(fields)))
        return fields[column]

    def _table(self, name: str) -> str:
        known = self.tables()
        if not name:
            own = [table for table in known if table not in ("artifacts", "externals")]
            if len(own) != 1:
                raise UsageError(
                    f"step {self.layout.name!r} has several tables: {', '.join(own)}", "name the one you want"
                )
            return own[0]
        if name not in known:
            raise UsageError(f"step {self.layout.name!r} has no table {name!r}", nearest(name, known))
        return name

    def _from_parts(self, table: str, column: str) -> NDArray[Any]:
        """Rows of a table that stays in its parts; refuses when a part is absent or changed."""
        from hpcml.store.streams import OpenReaders, runs_in_order, windows

        names = [name.decode() for name in self._file.array("parts/name").tolist()]
        readers = []
        for name in names:
            path = self.layout.parts / name
            if not path.is_file():
                raise IntegrityError(
                    f"table {table!r} is kept in parts, and {path} is gone",
                    "`hpcml resume` computes it again",
                )
            readers.append(SealedReader(path))
        origin = self._file.array(f"origin/{table}")
        runs = runs_in_order(origin[:, 0], origin[:, 1], self.index(table)[:, 1])
        field = self._fields[table][column]
        if field.text:
            widths = [reader.extent(f"{table}/{column}").dtype.itemsize for reader in readers]
            field = field.sized(max(widths, default=1))
        out = np.empty((runs.rows, *field.shape), field.dtype)
        flat = out.reshape(-1).view(np.uint8)
        pool, at = OpenReaders(readers), 0
        for window in windows(pool, runs, table, field):
            flat[at : at + len(window)] = window
            at += len(window)
        pool.finish()
        pool.close()
        return out


def _per_row(values: NDArray[Any]) -> Any:
    return _text(values) if values.ndim <= 1 else list(values)


def _text(values: NDArray[Any]) -> Any:
    if values.dtype.kind == "S":
        return np.array([value.decode() for value in values.tolist()], object)
    if values.dtype.kind == "U":
        return values.astype(object)
    return values
