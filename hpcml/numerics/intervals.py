"""Quartiles of samples and binomial errors of efficiencies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

QUARTILES = (0.25, 0.5, 0.75)


def quartiles(sample: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Lower quartile, median and upper quartile of all values: float64 (3,), linear between neighbours; NaN
    for an empty sample."""
    return np.quantile(sample, QUARTILES) if sample.size else np.full(3, np.nan)


def binomial_efficiency(passed: ArrayLike, total: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(share, error) of `passed` (m,) counts out of `total` trials: float64 (m,) each, NaN without trials.

    The error is sqrt(share (1 - share) / total), the normal approximation: it is 0 where all or none passed.
    ValueError for counts below 0 or above `total`.
    """
    counts = np.atleast_1d(np.asarray(passed))
    if ((counts < 0) | (counts > total)).any():
        raise ValueError(f"passed must lie in 0 to {total}, got {counts.min()} to {counts.max()}")
    if total == 0:
        return np.full(counts.shape, np.nan), np.full(counts.shape, np.nan)
    share = counts / total
    return share, np.sqrt(share * (1.0 - share) / total)
