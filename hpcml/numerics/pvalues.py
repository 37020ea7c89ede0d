"""Empirical p-values against a simulated null distribution, and their normal significance.

The mid-rank p-value, Z and when Z is only a bound.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Significance(NamedTuple):
    """z: float64 (m,), one-sided normal significance. is_bound: bool (m,), True where the null
    sample is too small to tell more than `z` (|Z| is at least this)."""

    z: NDArray[np.float64]
    is_bound: NDArray[np.bool_]


def empirical_p(observed: ArrayLike, null: ArrayLike) -> NDArray[np.float64]:
    """Mid-rank p-values p(t) = (#{T >= t} + #{T > t}) / (2 n) of `observed` (m,) against `null` (n,).

    Ties count half, so that a statistic that is exactly 0 for many null values is not
    exaggerated. Raises ValueError when the null is empty or not finite.
    """
    sample = np.sort(np.asarray(null, dtype=np.float64).ravel())
    if sample.size == 0 or not np.isfinite(sample).all():
        raise ValueError("the null distribution must hold at least one value, all finite")
    values = np.atleast_1d(np.asarray(observed, dtype=np.float64))
    at_least = sample.size - np.searchsorted(sample, values, side="left")
    above = sample.size - np.searchsorted(sample, values, side="right")
    return (at_least + above) / (2.0 * sample.size)


def significance(p: ArrayLike, null_size: int) -> Significance:
    """Z = -Phi^-1(p), cut at the largest value that `null_size` null values can support.

    A sample of n values resolves no p below 1/n (nor above 1 - 1/n): there Z is Z(1/n) and
    flagged as a bound, never infinite. Raises ValueError for `null_size` < 1 or p outside [0, 1].
    """
    if null_size < 1:
        raise ValueError("the null distribution is empty")
    values = np.atleast_1d(np.asarray(p, dtype=np.float64))
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values lie in [0, 1]")
    # one null value resolves nothing: both limits meet at p = 1/2
    least = min(1.0 / null_size, 0.5)
    clipped = np.clip(values, least, 1.0 - least)
    normal = NormalDist()
    z = np.array([0.0 - normal.inv_cdf(float(one)) for one in clipped])
    return Significance(z=z, is_bound=clipped != values)
