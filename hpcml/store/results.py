"""What `process` returned, checked against the schema and copied, one buffer per table.

A value is converted only when it cannot change by it. Python scalars take the column's type, as in NumPy;
text becomes UTF-8; a scalar in a rows table is one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.store import text
from hpcml.store.schema import Field, Schema, TableSchema

if TYPE_CHECKING:
    from numpy.typing import NDArray


class WrongResult(ValueError):
    """What `process` returned does not fit the schema; counts as a failure of that unit."""


class ColumnBuffer:
    """Results of one column since the last write: the bytes of each unit, copied."""

    __slots__ = ("dtype", "name", "pieces", "shape", "size", "text")

    def __init__(self, field: Field) -> None:
        self.name, self.shape, self.size, self.text = field.name, field.shape, field.size, field.text
        # NumPy's own object, so that `is` recognises it; text has no type before it is encoded
        self.dtype = None if field.text else np.dtype(field.dtype.str)
        self.pieces: list[bytes] = []


class TableBuffer:
    """Results of one table since the last write: the columns, and the number of rows of each unit."""

    __slots__ = ("columns", "name", "reduced", "rows")

    def __init__(self, table: TableSchema) -> None:
        self.name = table.name
        self.reduced = table.kind != "rows"
        self.columns = [ColumnBuffer(one) for one in table.fields]
        self.rows: list[int] = []

    def add(self, given: Mapping[str, Any]) -> int:
        """Copy one unit's rows behind the others; the bytes added. After WrongResult: `cut`."""
        rows = 1 if self.reduced else -1
        size = 0
        for column in self.columns:
            try:
                array = given[column.name]
            except KeyError:
                raise WrongResult(f"table {self.name!r}: no column {column.name!r} was returned") from None
            if type(array) is not np.ndarray or array.dtype is not column.dtype:
                array = _converted(array, column, self.name)
            shape = array.shape
            if self.reduced:
                if shape != column.shape:
                    raise _wrong_shape(self.name, column, array, column.shape)
            else:
                if shape[1:] != column.shape or not shape:
                    array = _one_row(self.name, column, array)
                    shape = array.shape
                if rows != shape[0]:
                    if rows >= 0:
                        raise WrongResult(
                            f"table {self.name!r}: column {column.name!r} has {shape[0]} rows, others {rows}"
                        )
                    rows = shape[0]
            raw = array.tobytes()
            column.pieces.append(raw)
            size += len(raw)
        if len(given) > len(self.columns):
            extra = sorted(set(given) - {column.name for column in self.columns})
            raise WrongResult(f"table {self.name!r}: column {extra[0]!r} is not in the schema")
        self.rows.append(rows)
        return size

    def cut(self, units: int) -> None:
        """Keep the results of the first units only."""
        del self.rows[units:]
        for column in self.columns:
            del column.pieces[units:]

    def content(self, units: slice) -> tuple[list[bytes], dict[str, int]]:
        """The bytes of the columns of these units in schema order, and the widths of text columns.

        The texts of a column have one width, which stands before them. Many small pieces are joined, few
        large ones are left as they are.
        """
        found: list[bytes] = []
        widths: dict[str, int] = {}
        for column in self.columns:
            pieces = column.pieces[units]
            if column.text:
                width, pieces = text.joined(pieces, self._texts(column, units))
                widths[f"{self.name}/{column.name}"] = width
                found.append(width.to_bytes(text.WIDTH_BYTES, "little"))
            found += pieces if len(pieces) <= 16 else [b"".join(pieces)]
        return found, widths

    def padded_bytes(self) -> int:
        """What the texts of all units take in one frame."""
        every = slice(None)
        return sum(
            text.padded_bytes(column.pieces, self._texts(column, every))
            for column in self.columns
            if column.text
        )

    def _texts(self, column: ColumnBuffer, units: slice) -> list[int]:
        return [rows * column.size for rows in self.rows[units]]


def _converted(value: Any, column: ColumnBuffer, table: str) -> NDArray[Any]:
    """The value as an array in the column's dtype, when no value can change by it."""
    where = f"table {table!r}: column {column.name!r}"
    if column.dtype is None:
        return _encoded(value, where)
    if type(value) in (int, float, complex):
        return _python_number(value, column.dtype, where)
    found = np.asarray(value)
    if found.dtype.kind == "U" and column.dtype.kind == "S":
        encoded = _encoded(value, where)
        needed, there = encoded.dtype.itemsize, column.dtype.itemsize
        if needed > there:
            raise WrongResult(
                f"{where} has a text of {needed} bytes (UTF-8), the schema says {column.dtype.str[1:]}:"
                f" {there} bytes"
            )
        found = encoded
    if found.dtype != column.dtype and not np.can_cast(found.dtype, column.dtype, "safe"):
        raise WrongResult(f"{where} has dtype {found.dtype}, the schema says {column.dtype}")
    return np.asarray(found, column.dtype)


def _encoded(value: Any, where: str) -> NDArray[np.bytes_]:
    try:
        return text.encode_text(value)
    except text.NotText as error:
        raise WrongResult(f"{where} has {error}") from None


def _python_number(value: complex, dtype: np.dtype[Any], where: str) -> NDArray[Any]:
    """A Python number in the column's type: rounded to its precision, never beyond its range."""
    ranks = {int: "iufc", float: "fc", complex: "c"}
    if dtype.kind not in ranks[type(value)]:
        raise WrongResult(f"{where} has {value!r}, the schema says {dtype}")
    try:
        with np.errstate(over="raise"):
            found = np.array(value).astype(dtype)
    except (FloatingPointError, OverflowError):
        found = None
    if found is None or (isinstance(value, int) and dtype.kind in "iu" and int(found) != value):
        raise WrongResult(f"{where} has {value!r}, beyond the range of {dtype}")
    return found


def _one_row(table: str, column: ColumnBuffer, array: NDArray[Any]) -> NDArray[Any]:
    """A scalar of a scalar column is one row; anything else has the wrong shape."""
    if array.shape or column.shape:
        raise _wrong_shape(table, column, array, ("rows", *column.shape))
    return array.reshape(1)


def _wrong_shape(table: str, column: ColumnBuffer, array: NDArray[Any], wanted: Any) -> WrongResult:
    return WrongResult(
        f"table {table!r}: column {column.name!r} has shape {array.shape}, the schema says {wanted}"
    )


def collect_result(schema: Schema, result: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """One unit's result as it would be recorded, {table: {column: array}}; WrongResult if it does not fit."""
    collected: dict[str, dict[str, Any]] = {}
    for table in schema.tables:
        buffer = TableBuffer(table)
        if table.name not in result:
            raise WrongResult(f"no table {table.name!r} was returned")
        buffer.add(result[table.name])
        collected[table.name] = {}
        for one, column in zip(table.fields, buffer.columns, strict=True):
            collected[table.name][one.name] = _as_read(one, column.pieces[0], buffer.rows[0], table)
    return collected


def _as_read(one: Field, raw: bytes, rows: int, table: TableSchema) -> NDArray[Any]:
    """A column of one unit as `Input.array` would give it."""
    shape = (rows, *one.shape) if table.kind == "rows" else one.shape
    if not one.text:
        return np.frombuffer(raw, one.dtype).copy().reshape(shape)
    width, pieces = text.joined([raw], [rows * one.size])
    return text.decode_text(np.frombuffer(b"".join(pieces), f"S{width}").reshape(shape))
