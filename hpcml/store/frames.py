"""Results of some units together, as a frame of a log holds them: numbers, rows and columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.store.schema import Field, Schema, TableSchema
from hpcml.store.text import WIDTH_BYTES, Widths

if TYPE_CHECKING:
    from numpy.typing import NDArray

Bands = Mapping[
    str, list[tuple[Field, list[str]]]
]  # by table: a column, and the names of all that are like it


@dataclass(frozen=True, slots=True)
class Frame:
    """Whole results of some units: numbers, rows per table, one array per column (rows first).

    widths: bytes of one text, of text columns alone.
    """

    ids: NDArray[np.uint32]
    rows: Mapping[str, NDArray[np.uint32]]
    columns: Mapping[str, Mapping[str, NDArray[Any]]]
    written: float
    busy: float
    widths: Widths = field(default_factory=dict)


def bands_of(schema: Schema) -> Bands:
    """Columns of one type that follow each other: thousands of them are decoded as one array."""
    return {table.name: _bands(table) for table in schema.tables}


def _bands(table: TableSchema) -> list[tuple[Field, list[str]]]:
    bands: list[tuple[Field, list[str]]] = []
    for one in table.fields:
        last = bands[-1][0] if bands else None
        if last and not one.text and (one.dtype, one.shape) == (last.dtype, last.shape) and not last.text:
            bands[-1][1].append(one.name)
        else:
            bands.append((one, [one.name]))
    return bands


def decode_frame(raw: bytes, count: int, tables: Bands, written: float, busy: float) -> Frame:
    """The content of a frame behind its header: `count` units, columns in the order of `bands_of`."""
    ids = np.frombuffer(raw, "<u4", count)
    at = 4 * count
    rows: dict[str, NDArray[np.uint32]] = {}
    for table in tables:
        rows[table] = np.frombuffer(raw, "<u4", count, at)
        at += 4 * count
    columns: dict[str, dict[str, NDArray[Any]]] = {}
    widths: dict[str, int] = {}
    for table, bands in tables.items():
        total = int(rows[table].sum(dtype=np.int64))
        columns[table] = {}
        for declared, names in bands:
            one = declared
            if one.text:
                width = int.from_bytes(raw[at : at + WIDTH_BYTES], "little")
                one, at = one.sized(width), at + WIDTH_BYTES
                widths[f"{table}/{one.name}"] = width
            block = np.frombuffer(raw, one.dtype, len(names) * total * one.size, at)
            columns[table].update(zip(names, block.reshape(len(names), total, *one.shape), strict=True))
            at += block.nbytes
    return Frame(ids, rows, columns, written, busy, widths)
