"""k-means over jet images, with integer weights for resampled events.

What lives here: seeding, Lloyd's algorithm (scikit-learn) and assigning jets to centres. What does not:
mini-batches (minibatch.py), which jets are trained on or counted (workload.py), the random streams (the
caller passes one).

Weights are taken as they are: the centres of repeated rows without repeating them. Seeding is k-means++
of our own: scikit-learn's converts all points to double precision for every candidate, which was two
thirds of the time of a unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from hpcml.workloads.jet_scanning.minibatch import Centres, fit_minibatch, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

Algorithm = Literal["minibatch", "lloyd"]
CHUNK = 4096


class Fit(NamedTuple):
    """centres: float32 (k, pixels). iterations: steps until it stopped.
    inertia: weighted mean over training jets of the squared distance to their centre."""

    centres: NDArray[np.float32]
    iterations: int
    inertia: float


def fit(
    points: NDArray[np.float32],
    weights: NDArray[np.integer],
    *,
    k: int,
    algorithm: Algorithm,
    batch_size: int,
    rng: np.random.Generator,
    centres: NDArray[np.float32] | None = None,
) -> Fit:
    """Fit `k` centres to `points` (n, pixels) with integer `weights` (n,) > 0.

    centres: initial centres (k, pixels); without, k-means++ on all points, or on a random
    sample of 3 `batch_size` for mini-batches. Lloyd runs until no label changes (at most 300
    iterations): scikit-learn's tolerance is relative to the unweighted variance, and would stop
    weighted and repeated rows at different steps. ValueError for fewer than `k` points.
    """
    if len(points) < k:
        raise ValueError(f"{len(points)} distinct training jets for {k} clusters: widen train_interval")
    total = int(weights.sum(dtype=np.int64))
    if algorithm == "lloyd":
        start = seed_centres(points, weights, k=k, rng=rng) if centres is None else centres
        found, iterations = _lloyd(points, weights, start)
    else:
        if centres is None:
            start = _seed_from_sample(points, weights, k=k, size=3 * batch_size, rng=rng)
        else:
            start = centres
        found, iterations = fit_minibatch(points, weights, start, batch_size=batch_size, rng=rng)
    return Fit(found, iterations, _squared_distances(points, weights, found) / total)


def _lloyd(points: NDArray[np.float32], weights: NDArray[np.integer], start: NDArray[np.float32]) -> Centres:
    from sklearn.cluster import KMeans

    # nothing is drawn when the centres are given; without a seed NumPy's global one would be asked
    model = KMeans(len(start), init=start, n_init=1, max_iter=300, tol=0.0, algorithm="lloyd", random_state=0)
    model.fit(points, sample_weight=weights.astype(points.dtype))
    return Centres(model.cluster_centers_.astype(np.float32), int(model.n_iter_))


def _seed_from_sample(
    points: NDArray[np.float32],
    weights: NDArray[np.integer],
    *,
    k: int,
    size: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """k-means++ on `size` jets drawn by weight, or on all where there are fewer."""
    cumulative = np.cumsum(weights, dtype=np.int64)
    if cumulative[-1] <= size:
        return seed_centres(points, weights, k=k, rng=rng)
    drawn = np.searchsorted(cumulative, rng.integers(0, cumulative[-1], size), side="right")
    rows, times = np.unique(drawn, return_counts=True)
    return seed_centres(points[rows], times, k=k, rng=rng)


def seed_centres(
    points: NDArray[np.float32], weights: NDArray[np.integer], *, k: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Initial centres (k, pixels) among `points` (n, pixels) with integer `weights` (n,).

    Greedy k-means++ (Arthur and Vassilvitskii 2007): points are drawn with probability
    proportional to weight times squared distance to the nearest centre so far; of 2 + ln k
    candidates the one that lowers the weighted sum of these distances most becomes a centre.
    """
    trials = 2 + int(math.log(k))
    norms = (points * points).sum(axis=1)
    closest = np.ones(len(points), np.float32)
    chosen = np.zeros(k, np.int64)
    for number in range(k):
        cumulative = np.cumsum(weights * closest.astype(np.float64))
        drawn = np.searchsorted(cumulative, rng.random(trials) * cumulative[-1], side="right")
        # all points may coincide with centres: then nothing is left to draw, and any point is as good
        drawn = np.minimum(drawn, len(points) - 1)
        if number == 0:
            drawn, closest = drawn[:1], np.full(len(points), np.inf, np.float32)
        distance = np.maximum(norms + norms[drawn, None] - 2.0 * (points[drawn] @ points.T), 0.0)
        distance = np.minimum(distance, closest)
        best = int(np.argmin((distance * weights.astype(np.float64)).sum(axis=1)))
        chosen[number], closest = drawn[best], distance[best]
    return points[chosen]


def assign(centres: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Nearest of `centres` (k, pixels) for each of `points` (n, pixels): uint16 (n,)."""
    labels = np.zeros(len(points), np.uint16)
    for part in _chunks(len(points)):
        labels[part] = nearest(points[part], centres)[0]
    return labels


def assign_rows(
    centres: NDArray[np.float32], images: NDArray[np.float32], *, rows: NDArray[np.int64]
) -> NDArray[np.uint16]:
    """Clusters of the jets of some events of a memory-mapped `images` (events, jets, ...).

    Reads chunks of 4096 events: the whole sample may exceed the memory. Returns uint16
    (len(rows), jets). `rows` ascending reads the file forwards.
    """
    jets = images.shape[1]
    labels = np.zeros((len(rows), jets), np.uint16)
    for part in _chunks(len(rows)):
        chosen = images[rows[part]]
        labels[part] = assign(centres, chosen.reshape(chosen.shape[0] * jets, -1)).reshape(-1, jets)
    return labels


def _squared_distances(
    points: NDArray[np.float32], weights: NDArray[np.integer], centres: NDArray[np.float32]
) -> float:
    """Weighted sum of squared distances to the nearest centre, added up in a fixed order."""
    total = 0.0
    for part in _chunks(len(points)):
        chosen = points[part]
        norms = np.einsum("ij,ij->i", chosen, chosen)
        distance = np.maximum(norms + nearest(chosen, centres)[1], 0.0)
        total += float((distance.astype(np.float64) * weights[part]).sum())
    return total


def _chunks(rows: int) -> Iterator[slice]:
    for first in range(0, rows, CHUNK):
        yield slice(first, first + CHUNK)
