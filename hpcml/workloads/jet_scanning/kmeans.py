"""k-means over jet images, with integer weights for resampled events.

What lives here: seeding, fitting (scikit-learn) and assigning jets to centres. What does not:
which jets are trained on or counted (workload.py), the random streams (the caller passes one).

Lloyd's algorithm takes weights as they are: same centres as on repeated rows, at a third less
work. Mini-batches are drawn from rows repeated by weight, so that a batch is a sample of the
resampled data. Seeding is k-means++ of our own: scikit-learn's converts all points to double
precision for every candidate, which was two thirds of the time of a unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Algorithm = Literal["minibatch", "lloyd"]
CHUNK = 4096


class Fit(NamedTuple):
    """model: a fitted scikit-learn estimator. iterations: steps until it stopped.
    inertia: weighted mean over training jets of the squared distance to their centre."""

    model: Any
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
    from sklearn.cluster import KMeans, MiniBatchKMeans

    total = int(weights.sum(dtype=np.int64))
    if len(points) < k:
        raise ValueError(f"{len(points)} distinct training jets for {k} clusters: widen train_interval")
    seed = int(rng.integers(2**32))
    if algorithm == "lloyd":
        start = seed_centres(points, weights, k=k, rng=rng) if centres is None else centres
        model = KMeans(k, init=start, n_init=1, max_iter=300, tol=0.0, algorithm="lloyd", random_state=seed)
        model.fit(points, sample_weight=weights.astype(points.dtype))
    else:
        repeated = np.repeat(points, weights, axis=0)
        if centres is None:
            sample = repeated
            if total > 3 * batch_size:
                sample = repeated[np.sort(rng.integers(0, total, 3 * batch_size))]
            start = seed_centres(sample, np.ones(len(sample), np.uint16), k=k, rng=rng)
        else:
            start = centres
        model = MiniBatchKMeans(
            k, init=start, n_init=1, batch_size=batch_size, compute_labels=False, random_state=seed
        )
        model.fit(repeated)
    labels = assign(model, points)
    return Fit(model, int(model.n_iter_), _squared_distances(points, weights, model, labels) / total)


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


def assign(model: Any, points: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Nearest centre of each of `points` (n, pixels): uint16 (n,)."""
    if len(points) == 0:
        return np.zeros(0, np.uint16)
    labels: NDArray[np.uint16] = model.predict(points).astype(np.uint16)
    return labels


def assign_rows(model: Any, images: NDArray[np.float32], *, rows: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Clusters of the jets of some events of a memory-mapped `images` (events, jets, h, w).

    Reads chunks of 4096 events: the whole sample may exceed the memory. Returns uint16
    (len(rows), jets). `rows` ascending reads the file forwards.
    """
    jets = images.shape[1]
    labels = np.zeros((len(rows), jets), np.uint16)
    for part in _chunks(len(rows)):
        chosen = images[rows[part]]
        labels[part] = assign(model, chosen.reshape(chosen.shape[0] * jets, -1)).reshape(-1, jets)
    return labels


def _squared_distances(
    points: NDArray[np.float32], weights: NDArray[np.integer], model: Any, labels: NDArray[np.uint16]
) -> float:
    """Weighted sum of squared distances. scikit-learn's own is added up in the order in which
    threads finish; this one has a fixed order."""
    centres = model.cluster_centers_
    total = 0.0
    for part in _chunks(len(points)):
        difference = points[part] - centres[labels[part]]
        total += float(((difference * difference).sum(axis=1).astype(np.float64) * weights[part]).sum())
    return total


def _chunks(rows: int) -> Iterator[slice]:
    for first in range(0, rows, CHUNK):
        yield slice(first, first + CHUNK)
