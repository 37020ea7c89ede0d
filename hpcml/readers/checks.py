"""Checks of columns that others have written: types, finite values, and words for what cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

REMEDY = "fix or drop these rows"


def as_type(values: NDArray[Any], dtype: str, name: str, *, missing: int = -1) -> NDArray[Any]:
    """`values` (n,) as `dtype`; InputError, with `name` (`FILE: column NAME`), where they are not numbers, or
    not integers that the type can hold.

    missing: what an integer column has where `values` are not finite, as in empty cells of a CSV file.
    """
    if values.dtype.kind not in "iufb":
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{name} contains a value that is not a number: {error}", REMEDY) from error
    if np.dtype(dtype).kind not in "iu":
        return values.astype(dtype)
    if values.dtype.kind == "f":
        values = np.where(np.isfinite(values), values, missing)
    extent = np.iinfo(dtype)
    wrong = (values < extent.min) | (values > extent.max)
    if values.dtype.kind == "f":
        wrong |= values != np.floor(values)
    if wrong.any():
        raise InputError(f"{name} contains {values[wrong][0]}, not an integer of type {dtype}", REMEDY)
    return values.astype(dtype)


def require_finite(path: Path, values: NDArray[np.floating], first: int = 0, *, row: str = "row") -> None:
    """InputError that names the first row of `values` (n, ...) that is not finite.

    first: number of the first row in the file. row: what a row is, for the message (`event`).
    """
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        raise InputError(
            f"{path}: {row} {first + int(np.argmax(bad))} contains a value that is not finite",
            f"fix or drop this {row}",
        )


def unreadable(path: Path, expected: str, error: Exception) -> InputError:
    """What to raise for a file that cannot be read as what is `expected` there."""
    return InputError(f"{path} cannot be read: {error}", expected)
