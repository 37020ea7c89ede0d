"""Mass spectra of clusters: shares, excess over the inclusive shape, which clusters are rich.

What lives here: the algebra of counts (windows, clusters) and the labelling of clusters. What
does not: counting (counting.py), comparison of rich with poor spectra (statistics.py).

Notation: N_bi jets of cluster i in window b; T_b = sum_i N_bi. Source: arXiv:2402.17714.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIM_QUANTILE = 0.8
# standard deviation of a Gaussian over that of its central 80 % (the exact value is 1.5115)
TRIM_CONSISTENCY = 1.51
ROUNDING = 1e-12


def shares(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """N_bi / sum_b N_bi: each cluster's spectrum with unit sum, float64 (windows, k).

    Clusters without jets are the caller's to remove; they give zeros here.
    """
    total = counts.sum(axis=0, dtype=np.int64)
    share: NDArray[np.float64] = np.divide(counts, np.maximum(total, 1), dtype=np.float64)
    return share


def excess(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Shares minus the inclusive share T_b / sum_b T_b, float64 (windows, k)."""
    inclusive = counts.sum(axis=1, dtype=np.int64)
    expected: NDArray[np.float64] = inclusive / max(int(inclusive.sum()), 1)
    return shares(counts) - expected[:, None]


def robust_z(values: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standardise `values` (windows, k) over the clusters of each window, without its outliers.

    Clusters farther from the median than the 80 % quantile of that distance are left out of mean
    and standard deviation; z = (value - mean) / (1.51 std). scale: (windows,), typical size of the
    numbers that were subtracted; a std below 1e-12 of it is rounding, and z is 0 there.
    """
    distance = np.abs(values - np.median(values, axis=1, keepdims=True))
    kept = distance <= np.quantile(distance, TRIM_QUANTILE, axis=1, keepdims=True)
    number = kept.sum(axis=1, keepdims=True)
    mean = np.where(kept, values, 0.0).sum(axis=1, keepdims=True) / number
    variance = np.where(kept, (values - mean) ** 2, 0.0).sum(axis=1, keepdims=True) / number
    deviation = np.sqrt(variance)
    flat = deviation <= ROUNDING * scale[:, None]
    z: NDArray[np.float64] = (values - mean) / np.where(flat, 1.0, TRIM_CONSISTENCY * deviation)
    return np.where(flat, 0.0, z)


def signal_rich(counts: NDArray[np.integer], threshold: float) -> NDArray[np.bool_]:
    """Clusters whose excess passes `threshold` robust deviations in any window: bool (k,).

    One-sided and strict: z > threshold. Clusters without jets take no part and are never rich;
    they keep their place, so that cluster numbers do not shift.
    """
    rich = np.zeros(counts.shape[1], np.bool_)
    filled = np.flatnonzero(counts.sum(axis=0, dtype=np.int64) > 0)
    if filled.size == 0:
        return rich
    occupied = counts[:, filled]
    z = robust_z(excess(occupied), shares(occupied).mean(axis=1))
    rich[filled] = (z > threshold).any(axis=0)
    return rich
