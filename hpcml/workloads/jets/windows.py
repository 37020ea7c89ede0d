"""Windows of the dijet mass: intervals, the edges of windows in them, and which window a mass lies in.

All intervals are half-open, low <= m < high. Windows may overlap or leave gaps: events are sorted once
into the elementary cells between neighbouring edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hpcml.workloads.refusals import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_interval(name: str, interval: tuple[float, float]) -> None:
    """ValueError that names the parameter `name` unless 0 < low < high, in GeV."""
    low, high = interval
    # a mass of 0 means `no two jets`: such events must stay outside
    if not 0 < low < high:
        raise ValueError(f"{name} must satisfy 0 < low < high, got {low}, {high}")


def check_windows(interval: tuple[float, float], width: float) -> None:
    """ValueError unless windows of `width` fit into the evaluation interval, both in GeV."""
    check_interval("evaluation_interval", interval)
    if width > interval[1] - interval[0]:
        raise ValueError("window_width is larger than evaluation_interval")


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


def window_of(m_jj: NDArray[np.float64], windows: NDArray[np.float64]) -> NDArray[np.int64]:
    """The window of each mass, -1 outside of all: int64, shape of m_jj.

    Windows may leave gaps. ValueError when they overlap: then a mass has several.
    """
    if (windows[1:, 0] < windows[:-1, 1]).any():
        raise refusal(
            "windows must not overlap here", "set window_width and window_steps so that they do not"
        )
    window = np.searchsorted(windows[:, 0], m_jj, side="right") - 1
    outside = (window < 0) | (m_jj >= windows[np.maximum(window, 0), 1])
    return np.where(outside, -1, window).astype(np.int64)
