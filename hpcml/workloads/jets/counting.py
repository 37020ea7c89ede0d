"""Cluster labels of jets -> counts per mass window and cluster, exact integers.

Jets are counted per elementary cell of the mass; every window is a difference of cumulative sums of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hpcml.workloads.jets import kmeans
from hpcml.workloads.jets.windows import cell_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.jets.event_sample import EventSample


def window_counts(
    labels: NDArray[np.integer],
    cells: NDArray[np.int32],
    *,
    weights: NDArray[np.integer],
    windows: NDArray[np.float64],
    k: int,
) -> NDArray[np.uint32]:
    """Weighted number of jets per window and cluster, uint32 (steps, k), exact.

    labels: (events, jets) cluster of each jet, in [0, k). cells: (events,) from `cell_of` with the
    edges of `windows`, -1 for events that are not counted. weights: (events,) non-negative
    integers that all jets of an event share.
    """
    edges = cell_edges(windows)
    kept = cells >= 0
    flat = cells[kept, None].astype(np.int64) * k + labels[kept]
    jet_weights = np.broadcast_to(weights[kept, None], flat.shape)
    # float64 sums of integers are exact below 2^53
    per_cell = np.bincount(flat.ravel(), weights=jet_weights.ravel(), minlength=(len(edges) - 1) * k)
    cumulative = np.zeros((len(edges), k))
    np.cumsum(per_cell.reshape(-1, k), axis=0, out=cumulative[1:])
    left, right = np.searchsorted(edges, windows).T
    counts: NDArray[np.float64] = np.rint(cumulative[right] - cumulative[left])
    return counts.astype(np.uint32)


def count_sample(
    sample: EventSample,
    weights: NDArray[np.uint16],
    centres: NDArray[np.float32],
    *,
    windows: NDArray[np.float64],
    jets_per_event: int,
) -> NDArray[np.uint32]:
    """Weighted jets per window and cluster for each fit of `centres` (fits, k, features): uint32
    (fits, windows, k). weights: uint16 (n,), of the events of `sample`. Only events that are counted are
    labelled."""
    k = centres.shape[1]
    counted = np.flatnonzero((weights > 0) & (sample.cells >= 0))
    labels = kmeans.assign_rows(
        centres, sample.jets, rows=sample.rows[counted], jets_per_event=jets_per_event
    )
    cells, weight = sample.cells[counted], weights[counted]
    return np.stack([window_counts(of_fit, cells, weights=weight, windows=windows, k=k) for of_fit in labels])


def idealised_counts(
    counts: NDArray[np.uint32], streams: Sequence[np.random.Generator]
) -> NDArray[np.uint32]:
    """Background counts as they would be if a jet's cluster were independent of the mass.

    counts: uint32 (fits, windows, k) as counted; streams: one per fit. The first window stays; in all later
    ones each jet gets a cluster drawn from the shares of the first. Where that one is empty there are no
    shares, and the counts stay as they are.
    """
    ideal = counts.copy()
    for of_fit, stream in zip(ideal, streams, strict=True):
        shares = np.cumsum(of_fit[0], dtype=np.int64)
        if shares[-1] == 0:
            continue
        for window in of_fit[1:]:
            drawn = stream.integers(0, shares[-1], int(window.sum(dtype=np.int64)))
            window[:] = np.bincount(np.searchsorted(shares, drawn, side="right"), minlength=len(window))
    return ideal
