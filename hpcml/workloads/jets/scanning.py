"""One resampling with all its initialisations: train, label, count.

Which jets are trained on and counted, and with which weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.numerics import bootstrap
from hpcml.workloads.jets import counting, kmeans

if TYPE_CHECKING:
    from numpy.typing import NDArray


class EventSample(NamedTuple):
    """Background or signal events: what all units of a rank share. Jets stay in the file.

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
    cells = counting.cell_of(mass, counting.cell_edges(windows))
    return EventSample(jets, rows, (mass >= low) & (mass < high), cells)


def background_weights(kind: str, stream: np.random.Generator, size: int) -> NDArray[np.uint16]:
    """How often each of `size` background events counts in one resampling: `multinomial` keeps the total,
    `poisson` lets it fluctuate."""
    draw = {"multinomial": bootstrap.multinomial_weights, "poisson": bootstrap.poisson_weights}
    return draw[kind](stream, size)


def signal_weights(stream: np.random.Generator, size: int, injected: int) -> NDArray[np.uint16]:
    """1 for `injected` of `size` signal events, without replacement. A small injection of the same stream is
    part of a larger one. UsageError for more than there are."""
    if injected > size:
        raise UsageError(f"injected is {injected}, the input holds {size} signal events")
    weights = np.zeros(size, np.uint16)
    weights[stream.permutation(size)[:injected]] = 1
    return weights


def weight_digest(background: NDArray[np.uint16], signal: NDArray[np.uint16]) -> int:
    """xxh3-64 of the weights of all events: whether two steps looked at the same resampling."""
    import xxhash

    state = xxhash.xxh3_64(np.ascontiguousarray(background, "<u2").tobytes())
    state.update(np.ascontiguousarray(signal, "<u2").tobytes())
    return int(state.intdigest())


def training_jets(
    parts: Sequence[tuple[EventSample, NDArray[np.uint16]]], *, jets_per_event: int
) -> kmeans.Training:
    """The jets of events in the training window with weight > 0, background first.

    parts: populations and the weights (n,) of their events, which all jets of an event share.
    """
    points, weights = [], []
    for one, weight in parts:
        chosen = np.flatnonzero(one.training & (weight > 0))
        jets = one.jets[one.rows[chosen]][:, :jets_per_event]
        # the size is spelled out: nothing can be inferred from no events
        points.append(jets.reshape(chosen.size * jets_per_event, math.prod(jets.shape[2:])))
        weights.append(np.repeat(weight[chosen], jets_per_event))
    return kmeans.training(np.concatenate(points), np.concatenate(weights))


def window_counts(
    one: EventSample,
    weights: NDArray[np.uint16],
    centres: NDArray[np.float32],
    *,
    windows: NDArray[np.float64],
    jets_per_event: int,
) -> NDArray[np.uint32]:
    """Weighted jets per window and cluster for each fit of `centres` (fits, k, features): uint32
    (fits, windows, k). Only events that are counted are labelled."""
    k = centres.shape[1]
    counted = np.flatnonzero((weights > 0) & (one.cells >= 0))
    labels = kmeans.assign_rows(centres, one.jets, rows=one.rows[counted], jets_per_event=jets_per_event)
    cells, weight = one.cells[counted], weights[counted]
    return np.stack(
        [counting.window_counts(own, cells, weights=weight, windows=windows, k=k) for own in labels]
    )


def idealised_counts(
    counts: NDArray[np.uint32], streams: Sequence[np.random.Generator]
) -> NDArray[np.uint32]:
    """Background counts as they would be if a jet's cluster told nothing about the mass.

    counts: uint32 (fits, windows, k) as counted; streams: one a fit. The first window stays; in all later
    ones each jet gets a cluster drawn from the shares of the first. Where that one is empty there are no
    shares, and the counts stay as they are.
    """
    ideal = counts.copy()
    for own, stream in zip(ideal, streams, strict=True):
        shares = np.cumsum(own[0], dtype=np.int64)
        if shares[-1] == 0:
            continue
        for window in own[1:]:
            drawn = stream.integers(0, shares[-1], int(window.sum(dtype=np.int64)))
            window[:] = np.bincount(np.searchsorted(shares, drawn, side="right"), minlength=len(window))
    return ideal
