"""Labels clusters as signal-rich from their spectra alone, in one of four ways; any number of runs at once.

    maxdev      the share exceeds the inclusive shape by more than `threshold` robust deviations anywhere
    maxdev_fit  the same over the cluster's own 3-parameter dijet fit
    two_means   2-means on the smoothed derivatives of the spectra; the smaller group is rich
    random      every second cluster at random: a control that must find nothing

Source: arXiv:2402.17714. One-sided and strict, z > threshold. Clusters without jets take no part and are
never rich; they keep their place, so that cluster numbers do not shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from hpcml.numerics.robust import trimmed_z
from hpcml.workloads.jets import spectra

if TYPE_CHECKING:
    from numpy.typing import NDArray

Labelling = Literal["maxdev", "maxdev_fit", "two_means", "random"]
SMOOTHING = 7


def deviations(
    counts: NDArray[np.integer], windows: NDArray[np.float64], *, method: Labelling = "maxdev"
) -> NDArray[np.float64]:
    """Trimmed deviations z that `maxdev` or `maxdev_fit` compare: float64, shape of `counts`
    (..., windows, k). windows: float64 (windows, 2), GeV."""
    values = spectra.excess(counts) if method == "maxdev" else spectra.fit_excess(counts, windows)
    filled = spectra.filled_clusters(counts)
    number = np.maximum(filled.sum(axis=-1), 1)
    scale = spectra.shares(counts).sum(axis=-1) / number[..., None]
    return trimmed_z(values, scale, filled[..., None, :])


def signal_rich(
    counts: NDArray[np.integer],
    windows: NDArray[np.float64],
    *,
    method: Labelling = "maxdev",
    threshold: float = 3.0,
    streams: Sequence[np.random.Generator] = (),
) -> NDArray[np.bool_]:
    """Signal-rich clusters of `counts` (runs, windows, k): bool (runs, k).

    streams: one generator per run, for `two_means` and `random`. ValueError when they are not as many.
    """
    if method in ("maxdev", "maxdev_fit"):
        return np.asarray((deviations(counts, windows, method=method) > threshold).any(axis=-2))
    if len(streams) != len(counts):
        raise ValueError(f"{len(counts)} runs need as many random streams, got {len(streams)}")
    filled = spectra.filled_clusters(counts)
    rich = np.zeros(filled.shape, np.bool_)
    for run, stream in enumerate(streams):
        if method == "random":
            rich[run] = stream.random(filled.shape[1]) < 0.5
        else:
            occupied = np.flatnonzero(filled[run])
            rich[run, occupied] = two_means(counts[run][:, occupied], stream)
    return rich & filled


def two_means(counts: NDArray[np.integer], stream: np.random.Generator) -> NDArray[np.bool_]:
    """The smaller of two groups of the derivatives of `counts` (windows, k), all filled: bool (k,).

    Each spectrum is divided by its maximum, differentiated, and smoothed by a median of seven windows. Fewer
    than two clusters, or equal ones, make no two groups: nothing is rich then.
    """
    from scipy.ndimage import median_filter
    from sklearn.cluster import KMeans

    shape = counts / counts.max(axis=0, initial=1)
    slopes = median_filter(np.diff(shape, axis=0).T / 2, size=(1, SMOOTHING), mode="constant")
    nothing = np.zeros(len(slopes), np.bool_)
    if len(slopes) < 2 or len(np.unique(slopes, axis=0)) < 2:
        return nothing
    seed = int(stream.integers(0, 2**31))
    group = KMeans(2, n_init=10, random_state=seed).fit_predict(slopes)
    return np.asarray(group == (0 if 2 * group.sum() > len(group) else 1))
