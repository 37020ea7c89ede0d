"""k-means of one resampling with several initialisations, with integer weights for resampled events.

Weights are taken as they are: the centres of repeated rows without repeating them. What initialisations
have in common is done once for all of them: norms, the jets that seeding looks at, one matrix product per
seeding step, one for labelling. Seeding is k-means++ of our own: scikit-learn's converts all points to
double precision for every candidate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from hpcml.workloads.jets.minibatch import Centres, fit_minibatch
from hpcml.workloads.refusals import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

Algorithm = Literal["minibatch", "lloyd"]
CHUNK = 2048


class Training(NamedTuple):
    """Jets to train on: points float32 (n, features), weights uint16 (n,) > 0, norms float32 (n,), the
    squared length of each point, copies int64 (m,), each row as often as its weight says."""

    points: NDArray[np.float32]
    weights: NDArray[np.integer]
    norms: NDArray[np.float32]
    copies: NDArray[np.int64]


class Fit(NamedTuple):
    """centres: float32 (k, features). iterations: steps until it stopped.
    inertia: weighted mean over training jets of the squared distance to their centre."""

    centres: NDArray[np.float32]
    iterations: int
    inertia: float


def training(points: NDArray[np.float32], weights: NDArray[np.integer]) -> Training:
    """`points` (n, features) with integer `weights` (n,) > 0 and their norms."""
    copies = np.repeat(np.arange(len(points)), weights)
    return Training(points, weights, np.einsum("ij,ij->i", points, points), copies)


def fit(
    jets: Training,
    *,
    k: int,
    algorithm: Algorithm,
    batch_size: int,
    sample: np.random.Generator,
    streams: Sequence[np.random.Generator],
    starts: NDArray[np.float32] | None = None,
) -> list[Fit]:
    """Fit `k` centres once for each of `streams`, independent initialisations of the same jets.

    sample: draws the 3 `batch_size` jets that seeding looks at, for all initialisations (mini-batches
    only; Lloyd looks at all jets). starts: initial centres (streams, k, features) instead of k-means++. Lloyd
    runs until no label changes (at most 300 iterations): scikit-learn's tolerance is relative to the
    unweighted variance, and would stop weighted and repeated rows at different steps. ValueError for
    fewer than `k` distinct jets.
    """
    if len(jets.points) < k:
        raise refusal(
            f"{len(jets.points)} distinct training jets for {k} clusters", "widen train_interval or lower k"
        )
    if starts is None:
        looked_at = jets if algorithm == "lloyd" else _sample(jets, 3 * batch_size, rng=sample)
        starts = seed_centres(looked_at, k=k, streams=streams)
    if algorithm == "lloyd":
        found = [_lloyd(jets, start) for start in starts]
    else:
        found = [
            fit_minibatch(
                jets.points, start, copies=jets.copies, norms=jets.norms, batch_size=batch_size, rng=rng
            )
            for start, rng in zip(starts, streams, strict=True)
        ]
    values = inertia(jets, np.stack([result.centres for result in found]))
    return [Fit(*result, float(value)) for result, value in zip(found, values, strict=True)]


def best_of(fits: Sequence[Fit], restarts: int) -> list[Fit]:
    """Of each `restarts` neighbouring fits the one with the lowest inertia, the first of equals."""
    groups = [fits[first : first + restarts] for first in range(0, len(fits), restarts)]
    return [min(group, key=lambda result: result.inertia) for group in groups]


def _lloyd(jets: Training, start: NDArray[np.float32]) -> Centres:
    from sklearn.cluster import KMeans

    # nothing is drawn when the centres are given; without a seed NumPy's global one would be asked
    model = KMeans(len(start), init=start, n_init=1, max_iter=300, tol=0.0, algorithm="lloyd", random_state=0)
    model.fit(jets.points, sample_weight=jets.weights.astype(jets.points.dtype))
    return Centres(model.cluster_centers_.astype(np.float32), int(model.n_iter_))


def _sample(jets: Training, size: int, *, rng: np.random.Generator) -> Training:
    """`size` jets drawn by weight, repeated ones with their number; all where there are fewer."""
    if len(jets.copies) <= size:
        return jets
    drawn = np.sort(jets.copies[rng.integers(0, len(jets.copies), size)])
    rows, times = np.unique(drawn, return_counts=True)
    return Training(jets.points[rows], times, jets.norms[rows], drawn)


def seed_centres(jets: Training, *, k: int, streams: Sequence[np.random.Generator]) -> NDArray[np.float32]:
    """Initial centres among `jets` for each of `streams`: float32 (streams, k, features).

    Greedy k-means++ (Arthur and Vassilvitskii 2007): jets are drawn with probability
    proportional to weight times squared distance to the nearest centre so far; of 2 + ln k
    candidates the one that lowers the weighted sum of these distances most becomes a centre. All streams
    go step by step together, with one matrix product for all their candidates.
    """
    points, norms = jets.points, jets.norms
    weights = jets.weights.astype(np.float64)
    number, trials = len(streams), 2 + int(math.log(k))
    # few jets and many candidates: all products of two jets at once are cheaper than those asked for
    gram = points @ points.T if len(points) <= number * trials * k else None
    closest = np.full((number, len(points)), np.inf, np.float32)
    chosen = np.zeros((number, k), np.int64)
    each = np.arange(number)
    for step in range(k):
        drawn = _draw(
            closest * weights if step else weights[None].repeat(number, 0), streams, trials if step else 1
        )
        rows = drawn.ravel()
        product = gram[rows] if gram is not None else points[rows] @ points.T
        distance = (-2.0 * product).reshape(number, -1, len(points))
        distance += norms
        distance += norms[drawn][..., None]
        np.maximum(distance, 0.0, out=distance)
        np.minimum(distance, closest[:, None], out=distance)
        best = np.argmin(distance @ weights.astype(np.float32), axis=1)
        chosen[:, step], closest = drawn[each, best], distance[each, best]
    return points[chosen]


def _draw(
    weights: NDArray[np.float64], streams: Sequence[np.random.Generator], number: int
) -> NDArray[np.int64]:
    """`number` columns for each row of `weights` (streams, n), drawn with these: (streams, number)."""
    cumulative = np.cumsum(weights, axis=1)
    drawn = np.stack(
        [
            np.searchsorted(row, rng.random(number) * row[-1], side="right")
            for row, rng in zip(cumulative, streams, strict=True)
        ]
    )
    # all points may coincide with centres: then nothing is left to draw, and any point is as good
    rows: NDArray[np.int64] = np.minimum(drawn, weights.shape[1] - 1)
    return rows


def assign(centres: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Nearest centre of each of `points` (n, features) in each fit of `centres` (fits, k, features):
    uint16 (n, fits)."""
    labels = np.zeros((len(points), len(centres)), np.uint16)
    for part in _chunks(len(points)):
        labels[part] = _distances(points[part], centres).argmin(axis=2)
    return labels


def assign_rows(
    centres: NDArray[np.float32],
    images: NDArray[np.float32],
    *,
    rows: NDArray[np.int64],
    jets_per_event: int,
) -> NDArray[np.uint16]:
    """Clusters of the leading jets of some events of a memory-mapped `images` (events, jets, ...).

    Reads chunks of events: the complete sample may exceed the memory. Returns uint16
    (fits, len(rows), jets_per_event). `rows` ascending reads the file forwards.
    """
    labels = np.zeros((len(centres), len(rows), jets_per_event), np.uint16)
    for part in _chunks(len(rows)):
        chosen = images[rows[part]][:, :jets_per_event]
        found = assign(centres, chosen.reshape(-1, centres.shape[2]))
        labels[:, part] = found.T.reshape(len(centres), -1, jets_per_event)
    return labels


def _distances(points: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distance less |point|^2: float32 (n, fits, k), by one matrix product for all fits."""
    flat = centres.reshape(-1, centres.shape[-1])
    distance = points @ (-2.0 * flat.T)
    distance += np.einsum("ij,ij->i", flat, flat)
    return distance.reshape(len(points), *centres.shape[:2])


def inertia(jets: Training, centres: NDArray[np.float32]) -> NDArray[np.float64]:
    """Weighted mean squared distance to the nearest centre, added up in a fixed order: (fits,)."""
    total = np.zeros(len(centres))
    for part in _chunks(len(jets.points)):
        nearest = _distances(jets.points[part], centres).min(axis=2)
        distance = np.maximum(nearest + jets.norms[part, None], 0.0).astype(np.float64)
        total += (distance * jets.weights[part, None]).sum(axis=0)
    return total / int(jets.weights.sum(dtype=np.int64))


def _chunks(rows: int) -> Iterator[slice]:
    for first in range(0, rows, CHUNK):
        yield slice(first, first + CHUNK)
