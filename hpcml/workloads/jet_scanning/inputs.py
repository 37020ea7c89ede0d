"""Opens event files and the tables of earlier steps, returns arrays.

What lives here: the layout of LHC Olympics files, and which rows of a scan belong to which sweep
value. What does not: any formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import h5py
import numpy as np

from hpcml.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workload import Input

KEY = "df"
PARTICLES = 700
COLUMNS = 3 * PARTICLES + 1


class Events(NamedTuple):
    """particles: float64 (n, 700, 3), (pT in GeV, eta, phi) padded with zeros.
    label: uint8 (n,), 1 for signal."""

    particles: NDArray[np.float64]
    label: NDArray[np.uint8]


def count_events(path: Path) -> int:
    """Number of events of a file, from its shape alone. UsageError when it is no such file."""
    try:
        with h5py.File(path, "r") as file:
            group = file[KEY]
            # pandas writes a frame in a `fixed` or in a `table` layout
            rows = group["axis1"] if "axis1" in group else group["table"]
            return int(rows.shape[0])
    except (OSError, KeyError) as error:
        hint = f"LHC Olympics files hold one pandas frame under the key {KEY!r}"
        raise UsageError(f"{path} holds no readable events: {error}", hint) from error


def read_events(path: Path, first: int, *, count: int) -> Events:
    """Rows first .. first+count of an LHC Olympics file. UsageError for another number of columns."""
    import pandas

    with pandas.HDFStore(path, mode="r") as store:
        frame = store.select(KEY, start=first, stop=first + count)
    values = frame.to_numpy(dtype=np.float64)
    if values.shape[1] != COLUMNS:
        raise UsageError(
            f"{path} has {values.shape[1]} columns, expected {COLUMNS}",
            "700 times (pT, eta, phi), then the label; files without labels are not supported",
        )
    particles = values[:, :-1].reshape(-1, PARTICLES, 3)
    return Events(particles, values[:, -1].astype(np.uint8))


class ScanRows(NamedTuple):
    """The units of a scan with equal swept values.

    injected: number of signal events. others: all other swept parameters. row: int64 (n,), their
    rows in the tables. resampling, initialisation: int64 (n,), -1 for the data set itself.
    """

    injected: int
    others: Mapping[str, Any]
    row: NDArray[np.int64]
    resampling: NDArray[np.int64]
    initialisation: NDArray[np.int64]


def scan_rows(table: Input, parameters: Any) -> list[ScanRows]:
    """The units of a merged `jets.scan`, by swept values in their order; `parameters` gives the
    names that may be swept, and the number of injected events where that is not swept."""
    index = table.index("statistics").astype(np.int64)
    swept = {}
    for field in fields(parameters):
        try:
            swept[field.name] = table.payload(field.name)
        except UsageError:
            continue  # not swept: no column of the units
    injected = swept.pop("injected", np.full(len(index), parameters.injected))
    resampling, initialisation = table.payload("resampling"), table.payload("initialisation")
    groups: dict[tuple[Any, ...], list[int]] = {}
    for unit, values in enumerate(zip(injected.tolist(), *(v.tolist() for v in swept.values()), strict=True)):
        # a unit that was absent in a merge with --allow-missing has no row
        if index[unit, 1]:
            groups.setdefault(values, []).append(unit)
    return [
        ScanRows(
            injected=int(values[0]),
            others=dict(zip(swept, values[1:], strict=True)),
            row=index[units, 0],
            resampling=np.asarray(resampling)[units].astype(np.int64),
            initialisation=np.asarray(initialisation)[units].astype(np.int64),
        )
        for values, units in groups.items()
    ]


def has_column(table: Input, column: str, name: str) -> bool:
    """Whether `table` is a step input whose table `name` has this column."""
    try:
        table.array(column, name)
    except UsageError:
        return False
    return True
