"""Empirical p-values against a simulated null distribution, their normal significance, errors of both.

Z is only a bound where the null has too few values to tell more.
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
    values = np.atleast_1d(np.asarray(p, dtype=np.float64))
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values lie in [0, 1]")
    clipped = _resolved(values, null_size)
    normal = NormalDist()
    z = np.array([0.0 - normal.inv_cdf(value) for value in clipped.tolist()])
    return Significance(z=z, is_bound=clipped != values)


def p_error(p: ArrayLike, null_size: int) -> NDArray[np.float64]:
    """Binomial standard error of empirical p-values (m,): sqrt(p (1 - p) / n) for a null of n values.

    p is taken to lie between 1/n and 1 - 1/n, so that the error of p = 0 is about 1/n. ValueError for
    `null_size` < 1.
    """
    clipped = _resolved(p, null_size)
    error: NDArray[np.float64] = np.sqrt(clipped * (1.0 - clipped) / null_size)
    return error


def z_error(p: ArrayLike, null_size: int) -> NDArray[np.float64]:
    """Standard error of Z = -Phi^-1(p), to first order: that of p over the normal density at Z.

    Means nothing where Z is a bound. ValueError for `null_size` < 1.
    """
    normal = NormalDist()
    density = np.array([normal.pdf(normal.inv_cdf(value)) for value in _resolved(p, null_size).tolist()])
    error: NDArray[np.float64] = p_error(p, null_size) / density
    return error


def _resolved(p: ArrayLike, null_size: int) -> NDArray[np.float64]:
    """p cut to what `null_size` values can resolve. One value resolves nothing: both limits meet at 1/2."""
    if null_size < 1:
        raise ValueError("the null distribution is empty")
    least = min(1.0 / null_size, 0.5)
    resolved: NDArray[np.float64] = np.clip(np.atleast_1d(np.asarray(p, np.float64)), least, 1.0 - least)
    return resolved
