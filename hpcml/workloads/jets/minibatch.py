"""Mini-batch k-means on weighted rows: a batch is a sample of the resampled data, nothing is repeated.

Sculley's algorithm (WWW 2010) with the rules by which scikit-learn stops it and re-assigns centres that
found nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPOCHS = 100
PATIENCE = 10  # steps without a lower smoothed inertia after which it stops
REASSIGNED = 0.01  # centres with less than this share of the largest count are moved to new jets ...
MOST_REASSIGNED = 0.5  # ... at most this share of a batch at once


class Centres(NamedTuple):
    """centres: float32 (k, features). iterations: batches that were used."""

    centres: NDArray[np.float32]
    iterations: int


def fit_minibatch(
    points: NDArray[np.float32],
    start: NDArray[np.float32],
    *,
    copies: NDArray[np.int64],
    norms: NDArray[np.float32],
    batch_size: int,
    rng: np.random.Generator,
) -> Centres:
    """Move the centres `start` (k, features) over random batches of `points` (n, features).

    copies: int64 (m,), the number of each row as often as its weight says: what batches are drawn from.
    norms: float32 (n,), squared lengths of the points. Each centre is the mean of all jets that any batch
    gave to it.
    """
    total = len(copies)
    size = min(batch_size, total)
    centres, k = start.astype(np.float32, copy=True), len(start)
    counts = np.zeros(k)
    smoothed = best = np.inf
    since = since_reassigned = 0
    decay = min(2.0 * size / (total + 1), 1.0)
    steps = max(1, EPOCHS * total // size)
    # new arrays for each batch would cost more than the computation: the system must provide their pages
    batches = np.empty((size, points.shape[1]), points.dtype)
    distances = np.empty((size, k), np.float32)
    for step in range(steps):
        # jets that were drawn several times are computed once
        drawn = copies[rng.integers(0, total, size)]
        times = np.bincount(drawn, minlength=len(points))
        rows = np.flatnonzero(times)
        times = times[rows]
        batch = np.take(points, rows, axis=0, out=batches[: rows.size], mode="clip")
        distance = np.matmul(batch, -2.0 * centres.T, out=distances[: rows.size])
        distance += np.einsum("ij,ij->i", centres, centres)
        label = distance.argmin(axis=1)
        squared = distance[np.arange(rows.size), label] + norms[rows]
        inertia = float((squared * times).sum(dtype=np.float64)) / size
        _move(centres, counts, batch, label=label, times=times)
        since_reassigned += size
        if (counts == 0).any() or since_reassigned >= 10 * k:
            since_reassigned = 0
            _reassign(centres, counts, batch, rng)
        if step == 0:  # the inertia of the seeding is no guide
            continue
        smoothed = inertia if np.isinf(smoothed) else smoothed * (1 - decay) + inertia * decay
        since = 0 if smoothed < best else since + 1
        best = min(best, smoothed)
        if since >= PATIENCE:
            return Centres(centres, step + 1)
    return Centres(centres, steps)


def _move(
    centres: NDArray[np.float32],
    counts: NDArray[np.float64],
    batch: NDArray[np.float32],
    *,
    label: NDArray[np.intp],
    times: NDArray[np.int64],
) -> None:
    """Bring each centre to the mean of all that it was given so far, this batch included."""
    from scipy.sparse import csc_array

    # one entry per jet: adding rows costs a fifth of a product with a dense membership matrix
    entries = (times.astype(np.float32), label, np.arange(len(batch) + 1))
    sums = csc_array(entries, shape=(len(centres), len(batch))) @ batch
    added = np.bincount(label, weights=times, minlength=len(centres))
    found = added > 0
    before = counts[found, None]
    counts += added
    centres[found] = ((centres[found] * before + sums[found]) / counts[found, None]).astype(np.float32)


def _reassign(
    centres: NDArray[np.float32],
    counts: NDArray[np.float64],
    batch: NDArray[np.float32],
    rng: np.random.Generator,
) -> None:
    """Put centres that hardly any jet chose onto random jets of the batch."""
    poor = np.flatnonzero(counts < REASSIGNED * counts.max())
    most = int(MOST_REASSIGNED * len(batch))
    if poor.size > most:
        poor = poor[np.argsort(counts[poor], kind="stable")[:most]]
    if poor.size:
        centres[poor] = batch[rng.choice(len(batch), poor.size, replace=False)]
        rest = np.delete(counts, poor)
        counts[poor] = rest.min() if rest.size else 0.0
