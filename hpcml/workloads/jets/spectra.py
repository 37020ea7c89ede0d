"""Mass spectra of clusters: shares, excess over a smooth shape, robust standardisation.

The algebra of counts (..., windows, clusters), for any number of runs at once.

Notation: N_bi jets of cluster i in window b; T_b = sum_i N_bi. Source: arXiv:2402.17714. Each run is
computed in one fixed order of operations: its numbers do not depend on the runs beside it.
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


def filled_clusters(counts: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Clusters of `counts` (..., windows, k) that hold any jet: bool (..., k)."""
    return np.asarray((counts > 0).any(axis=-2))


def shares(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """N_bi / sum_b N_bi: each cluster's spectrum with unit sum, float64 (..., windows, k); zeros where
    a cluster holds no jet."""
    total = counts.sum(axis=-2, keepdims=True, dtype=np.int64)
    share: NDArray[np.float64] = np.divide(counts, np.maximum(total, 1), dtype=np.float64)
    return share


def inclusive_shares(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """T_b / sum_b T_b: the spectrum of all clusters with unit sum, float64 (..., windows)."""
    inclusive = counts.sum(axis=-1, dtype=np.int64)
    expected: NDArray[np.float64] = inclusive / np.maximum(inclusive.sum(axis=-1, keepdims=True), 1)
    return expected


def excess(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Shares minus the inclusive share of each window, float64 (..., windows, k)."""
    return shares(counts) - inclusive_shares(counts)[..., None]


def fit_excess(counts: NDArray[np.integer], windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares minus those of the cluster's own 3-parameter dijet fit, float64 (..., windows, k).

    windows: float64 (windows, 2), edges in GeV."""
    from hpcml.workloads.jets.dijet import fit_dijet

    spectra = np.moveaxis(counts, -1, -2)
    curves = fit_dijet(spectra, windows, parameters=3).expected
    total = np.maximum(spectra.sum(axis=-1, keepdims=True, dtype=np.int64), 1)
    difference: NDArray[np.float64] = (spectra - curves) / total
    return np.ascontiguousarray(np.moveaxis(difference, -1, -2))


def robust_z(
    values: NDArray[np.float64], scale: NDArray[np.float64], *, filled: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Standardise `values` (..., windows, k) over the clusters of each window, without its outliers.

    Clusters farther from the median than the 80 % quantile of that distance are left out of mean
    and standard deviation; z = (value - mean) / (1.51 std). filled: (..., k), which clusters take part;
    z of the others is 0. scale: (..., windows), typical size of the numbers that were subtracted; a std
    below 1e-12 of it is rounding, and z is 0 there.
    """
    part = np.broadcast_to(filled[..., None, :], values.shape)
    number = filled.sum(axis=-1)[..., None, None]
    distance = np.abs(values - _quantile(values, 0.5, part=part, number=number))
    kept = part & (distance <= _quantile(distance, TRIM_QUANTILE, part=part, number=number))
    size = np.maximum(kept.sum(axis=-1, keepdims=True), 1)
    mean = np.where(kept, values, 0.0).sum(axis=-1, keepdims=True) / size
    variance = np.where(kept, (values - mean) ** 2, 0.0).sum(axis=-1, keepdims=True) / size
    deviation = np.sqrt(variance)
    flat = deviation <= ROUNDING * scale[..., None]
    z: NDArray[np.float64] = (values - mean) / np.where(flat, 1.0, TRIM_CONSISTENCY * deviation)
    return np.where(flat | ~part, 0.0, z)


def _quantile(
    values: NDArray[np.float64], share: float, *, part: NDArray[np.bool_], number: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Quantile over the last axis of the values that take part, linear between neighbours; axis kept."""
    ordered = np.sort(np.where(part, values, np.inf), axis=-1)
    place = share * np.maximum(number - 1, 0)
    below = np.broadcast_to(np.floor(place).astype(np.int64), (*values.shape[:-1], 1))
    above = np.minimum(below + 1, np.maximum(number - 1, 0))
    low, high = np.take_along_axis(ordered, below, -1), np.take_along_axis(ordered, above, -1)
    # a run without any jet has nothing to order
    empty = number == 0
    low, high = np.where(empty, 0.0, low), np.where(empty, 0.0, high)
    quantile: NDArray[np.float64] = low + (place - below) * (high - low)
    return quantile
