"""Cluster labels of jets -> counts per mass window and cluster.

Windows of the dijet mass and exact integer counting in them.

All intervals are half-open, low <= m < high. Windows may overlap or leave gaps: events are sorted
into the elementary cells between neighbouring edges once, counted per cell, and every window is
a difference of cumulative sums of cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mass_windows(interval: tuple[float, float], width: float, *, steps: int) -> NDArray[np.float64]:
    """Edges (steps, 2) in GeV of `steps` windows of `width`, evenly spread over `interval`.

    Left edges run evenly from low to high - width. Edges are rounded to 1e-9 GeV, so that a right
    edge equals the left edge of an adjacent window and no event falls between the two.
    """
    low, high = interval
    left = np.linspace(low, high - width, steps)
    edges: NDArray[np.float64] = np.stack([left, left + width], axis=1).round(9)
    return edges


def cell_edges(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """All distinct edges of `windows` (steps, 2), ascending."""
    return np.unique(windows)


def cell_of(m_jj: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int32]:
    """Cell of each mass: c with edges[c] <= m < edges[c+1]; -1 outside. int32, shape of m_jj."""
    cell = np.searchsorted(edges, m_jj, side="right").astype(np.int32) - 1
    cell[cell == len(edges) - 1] = -1
    return cell


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
