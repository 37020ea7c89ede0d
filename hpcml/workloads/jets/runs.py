"""Reads merged scans, evaluations, re-binnings: which rows belong together, how many clusters they have."""

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
    injected, resampling, initialisation = (
        column.astype(np.int64)
        for column in table.columns("statistics", "injected", "resampling", "initialisation")
    )
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


def require_clusters(scan: Input, k: int) -> None:
    """UsageError unless the runs of a merged scan have `k` clusters."""
    found = scan.array("background", "counts").shape[2]
    if found != k:
        raise UsageError(f"the scan has {found} clusters, k is {k}", "set k to what it has")
