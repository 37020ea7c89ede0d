"""Parts become one table: cover and agreement are checked, then bytes stream in unit order.

The choice of the part that gives each unit, the comparison of doubled units, the writing of table.h5.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from hpcml.errors import IntegrityError
from hpcml.store.blocks import SealedReader, read_checked
from hpcml.store.schema import Field, Schema, TableSchema
from hpcml.store.streams import OpenReaders, RowRanges, runs_in_order
from hpcml.store.text import TextDigest, widest
from hpcml.store.units import UnitList

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Conflict:
    """A unit of which two parts say different things."""

    number: int
    kept: Path
    other: Path
    explanation: str


@dataclass(slots=True)
class PartIndex:
    """Where each unit's rows lie.

    owner: part of each unit number, -1 when absent. first, rows: by table, first row in that part
    and number of rows, by unit number.
    """

    readers: list[SealedReader]
    pool: OpenReaders
    owner: NDArray[np.int64]
    first: dict[str, NDArray[np.int64]]
    rows: dict[str, NDArray[np.int64]]
    doubled: int = 0
    conflicts: list[Conflict] = field(default_factory=list)

    def runs(self, table: str, order: NDArray[np.int64]) -> RowRanges:
        return runs_in_order(self.owner[order], self.first[table][order], self.rows[table][order])

    def sized(self, schema: Schema, order: NDArray[np.int64]) -> Schema:
        """The schema of the table of these units: text as wide as in the widest of their parts."""
        columns = schema.text_columns()
        if not columns:
            return schema
        used = [self.readers[number] for number in np.unique(self.owner[order]).tolist()]
        return schema.sized(
            widest({name: reader.extent(name).dtype.itemsize for name in columns} for reader in used)
            or dict.fromkeys(columns, 1)
        )

    def close(self) -> None:
        self.pool.close()


def open_sources(paths: Sequence[Path], units: UnitList, schema: Schema) -> PartIndex:
    """Read the index of every part, check its keys against the unit list, compare doubled units."""
    n = len(units)
    owner = np.full(n, -1, np.int64)
    first = {table.name: np.zeros(n, np.int64) for table in schema.tables}
    rows = {table.name: np.zeros(n, np.int64) for table in schema.tables}
    sources = PartIndex([], OpenReaders([]), owner, first, rows)
    sources.pool = OpenReaders(sources.readers)
    for number, path in enumerate(paths):
        sources.readers.append(SealedReader(path))
        reader = sources.pool[number]
        ids = reader.header.ids
        if not np.array_equal(reader.array("units/key").astype(units.keys.dtype), units.keys[ids]):
            raise IntegrityError(
                f"{path}: its unit keys are not those of the campaign",
                "it was made from another unit list: `hpcml verify --set-aside` moves it away",
            )
        twice = owner[ids] >= 0
        index = {table.name: reader.array(f"index/{table.name}").astype(np.int64) for table in schema.tables}
        if twice.any():
            _compare(sources, number, ids, twice, index, schema)
        fresh = ids[~twice]
        owner[fresh] = number
        for name, pairs in index.items():
            first[name][fresh] = pairs[~twice, 0]
            rows[name][fresh] = pairs[~twice, 1]
    return sources


def _compare(
    sources: PartIndex,
    number: int,
    ids: NDArray[np.int64],
    twice: NDArray[np.bool_],
    index: Mapping[str, NDArray[np.int64]],
    schema: Schema,
) -> None:
    """Compare units that stand in an earlier part too, byte by byte; note those that differ."""
    for place in np.flatnonzero(twice).tolist():
        unit = int(ids[place])
        before = int(sources.owner[unit])
        sources.doubled += 1
        if not _equal(
            sources, before, unit, number, {name: pairs[place] for name, pairs in index.items()}, schema
        ):
            mine, other = sources.readers[before], sources.readers[number]
            words = " and ".join(
                "{host} ({cpu}, {kernel})".format(**{"host": "?", "cpu": "?", "kernel": "?", **reader.about})
                for reader in (mine, other)
            )
            sources.conflicts.append(Conflict(unit, mine.path, other.path, f"computed on {words}"))


def _equal(
    sources: PartIndex,
    before: int,
    unit: int,
    number: int,
    place: Mapping[str, NDArray[np.int64]],
    schema: Schema,
) -> bool:
    for table in schema.tables:
        first, rows = (int(value) for value in place[table.name])
        if rows != int(sources.rows[table.name][unit]):
            return False
        for one in table.fields:
            name = f"{table.name}/{one.name}"
            mine = _content(sources.pool[before], name, int(sources.first[table.name][unit]), rows, one)
            if mine != _content(sources.pool[number], name, first, rows, one):
                return False
    return True


def _content(reader: SealedReader, name: str, first: int, rows: int, one: Field) -> bytes | list[bytes]:
    """Rows of a column as bytes; texts, whose width may differ between parts, one by one."""
    extent = reader.extent(name)
    width = one.size * extent.dtype.itemsize
    raw = bytearray(rows * width)
    if raw:
        read_checked(reader, extent.offset + first * width, memoryview(raw))
    return np.frombuffer(raw, extent.dtype).tolist() if one.text else bytes(raw)


def reduce_table(
    table: TableSchema, stream: Callable[[Field], Iterator[memoryview]]
) -> dict[str, NDArray[Any]]:
    """Sum, minimum or maximum over units, one after the other in unit order.

    The order fixes the rounding of floating-point sums, so it is never left to a reduction that
    may regroup.
    """
    reduced: dict[str, NDArray[Any]] = {}
    operation = {"sum": np.add, "min": np.minimum, "max": np.maximum}[table.kind]
    for one in table.fields:
        total: NDArray[Any] | None = None
        for window in stream(one):
            block = np.frombuffer(window, one.dtype).reshape(-1, *one.shape)
            for row in block:
                if total is None:
                    total = np.array(row)
                else:
                    operation(total, row, out=total)
        if total is None:
            if table.kind != "sum":
                raise IntegrityError(f"table {table.name!r}: a {table.kind} over no units does not exist")
            total = np.zeros(one.shape, one.dtype)
        reduced[one.name] = np.asarray(total)
    return reduced


class ContentDigest:
    """What a table says, independent of how its file is laid out: names, types, keys, rows, bytes."""

    def __init__(self, table: TableSchema, keys: NDArray[np.bytes_]) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        head: dict[str, Any] = {
            "table": table.name,
            "kind": table.kind,
            "columns": [[one.name, one.declared, list(one.shape)] for one in table.fields],
        }
        labels = {one.name: list(one.labels) for one in table.fields if one.labels}
        if labels:  # digests of tables without labels are older than labels
            head["labels"] = labels
        self._add(json.dumps(head, sort_keys=True).encode())
        self._add(b"\n".join(keys.tolist()))

    def _add(self, text: bytes) -> None:
        self._digest.update(len(text).to_bytes(8, "little") + text)

    def rows(self, rows: NDArray[Any]) -> None:
        """Rows of each unit, in unit order (tables of kind rows only)."""
        self._add(rows.astype("<u8").tobytes())

    def column(self, digest: bytes) -> None:
        """Digest of all bytes of the next column, in schema order: that of `column_digest`."""
        self._add(digest)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def column_digest(one: Field) -> xxhash.xxh3_128 | TextDigest:
    """What takes the bytes of a column, in rows of its width, by `update`, and gives its `digest()`."""
    return TextDigest(one.dtype.itemsize) if one.text else xxhash.xxh3_128()
