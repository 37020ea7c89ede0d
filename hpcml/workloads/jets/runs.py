"""Which rows of a merged scan, evaluation or re-binning belong together.

Reading the tables of earlier steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workload import Input


class Runs(NamedTuple):
    """The runs of a step with equal swept values.

    injected: number of signal events. others: all other swept parameters. row: int64 (n,), their
    rows in the tables. resampling, initialisation: int64 (n,), -1 for the data set itself.
    """

    injected: int
    others: Mapping[str, Any]
    row: NDArray[np.int64]
    resampling: NDArray[np.int64]
    initialisation: NDArray[np.int64]


def runs_of(table: Input, swept: Sequence[str]) -> list[Runs]:
    """The runs of a merged step, by injected events and swept values in the order of its rows.

    swept: names of parameters that may have been swept; those that were are columns of the units. How many
    events were injected is a column of the rows, so `injected` and `signal_fraction` are left out of it.
    """
    number = table.index("statistics")[:, 1].astype(np.int64)
    values: dict[str, NDArray[Any]] = {}
    for name in swept:
        if name in ("injected", "signal_fraction"):
            continue
        try:
            values[name] = np.repeat(np.asarray(table.payload(name)), number)
        except UsageError:
            continue  # not swept: no column of the units
    injected = np.asarray(table.array("injected", "statistics")).astype(np.int64)
    resampling = np.asarray(table.array("resampling", "statistics")).astype(np.int64)
    initialisation = np.asarray(table.array("initialisation", "statistics")).astype(np.int64)
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row, key in enumerate(zip(injected.tolist(), *(v.tolist() for v in values.values()), strict=True)):
        groups.setdefault(key, []).append(row)
    return [
        Runs(
            injected=int(key[0]),
            others=dict(zip(values, key[1:], strict=True)),
            row=np.asarray(rows, np.int64),
            resampling=resampling[rows],
            initialisation=initialisation[rows],
        )
        for key, rows in groups.items()
    ]


def has_column(table: Input, column: str, name: str) -> bool:
    """Whether `table` is a step input whose table `name` has this column."""
    try:
        table.array(column, name)
    except UsageError:
        return False
    return True


def jets_of(source: Input) -> NDArray[np.float32]:
    """The jets of an events step, memory-mapped float32 (events, 2, ...): components where it has them,
    images otherwise. UsageError when it has neither."""
    for column, table in (("feature", "features"), ("image", "images")):
        if has_column(source, column, table):
            return source.array(column, table)
    raise UsageError("the input holds no jets", "name a step jets.images, jets.synthetic or jets.project")


def masses_and_labels(source: Input) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """m_jj in GeV and label of an events step, (events,) each."""
    table = "features" if has_column(source, "m_jj", "features") else "images"
    return np.asarray(source.array("m_jj", table)), np.asarray(source.array("label", table))
