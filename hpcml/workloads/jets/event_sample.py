"""Background or signal events of a scan: where their jets are, which are trained on, which are counted.

Jets stay in the file: a sample holds some bytes per event.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hpcml.workloads.jets import kmeans
from hpcml.workloads.jets.windows import cell_edges, cell_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


class EventSample(NamedTuple):
    """Events of one kind.

    jets: float32 (events, jets, ...), memory-mapped. rows: int64 (n,), the events of this kind in file
    order. training: bool (n,), inside the training window. cells: int32 (n,), elementary mass cell, -1
    outside of all windows.
    """

    jets: NDArray[np.float32]
    rows: NDArray[np.int64]
    training: NDArray[np.bool_]
    cells: NDArray[np.int32]


def event_sample(
    jets: NDArray[np.float32],
    m_jj: NDArray[np.float64],
    rows: NDArray[np.int64],
    *,
    train_interval: tuple[float, float],
    windows: NDArray[np.float64],
) -> EventSample:
    """The events `rows` (n,) of `jets` (events, jets, ...) with masses `m_jj` (events,) in GeV."""
    mass = m_jj[rows]
    low, high = train_interval
    cells = cell_of(mass, cell_edges(windows))
    return EventSample(jets, rows, (mass >= low) & (mass < high), cells)


def training_jets(
    parts: Sequence[tuple[EventSample, NDArray[np.uint16]]], *, jets_per_event: int
) -> kmeans.Training:
    """The jets of events in the training window with weight > 0, background first.

    parts: samples and the weights (n,) of their events, which all jets of an event share.
    """
    points, weights = [], []
    for sample, weight in parts:
        chosen = np.flatnonzero(sample.training & (weight > 0))
        jets = sample.jets[sample.rows[chosen]][:, :jets_per_event]
        # the size is spelled out: nothing can be inferred from no events
        points.append(jets.reshape(chosen.size * jets_per_event, math.prod(jets.shape[2:])))
        weights.append(np.repeat(weight[chosen], jets_per_event))
    return kmeans.training(np.concatenate(points), np.concatenate(weights))
