"""Mass spectra of clusters: shares, and their excess over a smooth shape, for any number of runs at once.

Notation: N_bi jets of cluster i in window b; T_b = sum_i N_bi. Source: arXiv:2402.17714. Each run is
computed in one fixed order of operations: its numbers do not depend on the runs beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
