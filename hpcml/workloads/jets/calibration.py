"""Statistics of many resamplings -> null distribution, p-values and significances.

Ensembles of initialisations, choosing the null of each sweep point, comparing, the number of events at
which a significance is reached.

The null is conditional: resamplings of one data set carry the fluctuation of that data set as
well. A threshold of 3 robust deviations is therefore not 3 sigma; only the calibrated p counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from hpcml.numerics.pvalues import empirical_p, significance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.jets.runs import Runs

Ensemble = Literal["mean", "median", "max", "min", "each"]
ORIGINAL = -1
QUANTILES = (0.25, 0.5, 0.75)


class Scores(NamedTuple):
    """Values of one statistic with their p and Z; arrays of one shape.

    value, p, z: float64, NaN where there is no null or no value. is_bound: bool, |Z| is at least z.
    """

    value: NDArray[np.float64]
    p: NDArray[np.float64]
    z: NDArray[np.float64]
    is_bound: NDArray[np.bool_]


class SweepPoint(NamedTuple):
    """One combination of swept values.

    injected: number of signal events. others: all other swept parameters. resampled: float64
    (resamplings,), the statistic of each resampling, mean over its initialisations. original:
    that of the data set itself, NaN without.
    """

    injected: int
    others: Mapping[str, Any]
    resampled: NDArray[np.float64]
    original: float


class Crossing(NamedTuple):
    """events: where a curve first reaches a level, NaN if nowhere. is_reached: whether it does."""

    events: float
    is_reached: bool


def ensembles(
    resampling: NDArray[np.int64],
    initialisation: NDArray[np.int64],
    values: NDArray[np.float64],
    *,
    size: int = 0,
    how: Ensemble = "mean",
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(resampling, value) of each ensemble: the runs of one resampling reduced to one value.

    All arguments (runs,). size: the first so many initialisations are taken and resamplings with fewer are
    left out; 0 for as many as every resampling has. `each`: no reduction, every run is its own.
    The mean tames the noise of k-means (arXiv:2402.17714 averages 15 initialisations).
    """
    order = np.lexsort((initialisation, resampling))
    numbers, first, available = np.unique(resampling[order], return_index=True, return_counts=True)
    wanted = size or int(available.min(initial=len(values)))
    whole = np.flatnonzero(available >= wanted)
    rows = order[first[whole, None] + np.arange(wanted)]
    matrix = values[rows]
    if how == "each":
        return np.repeat(numbers[whole], wanted), matrix.ravel()
    if not whole.size:
        return numbers[whole], np.zeros(0)
    reduced = {
        "mean": matrix.mean(axis=1),
        "median": np.median(matrix, axis=1),
        "max": matrix.max(axis=1),
        "min": matrix.min(axis=1),
    }
    return numbers[whole], reduced[how]


def sweep_points(found: Sequence[Runs], values: NDArray[np.float64]) -> list[SweepPoint]:
    """Average a statistic, `values` (rows of the table,), over the initialisations of a resampling."""
    points = []
    for one in found:
        numbers, means = ensembles(one.resampling, one.initialisation, values[one.row])
        original = means[numbers == ORIGINAL]
        whole = float(original[0]) if original.size else float("nan")
        points.append(SweepPoint(one.injected, one.others, means[numbers != ORIGINAL], whole))
    return points


def null_of(point: SweepPoint, points: Sequence[SweepPoint]) -> NDArray[np.float64]:
    """The resamplings without signal and with the other swept values of `point`; empty if none."""
    for other in points:
        if other.injected == 0 and other.others == point.others:
            return other.resampled
    return np.zeros(0)


def score(values: NDArray[np.float64], null: NDArray[np.float64]) -> Scores:
    """p and Z of `values` (any shape) against the `null` sample (n,)."""
    p, z = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    is_bound = np.zeros(values.shape, np.bool_)
    known = np.isfinite(values)
    if null.size and known.any():
        p[known] = empirical_p(values[known], null)
        z[known], is_bound[known] = significance(p[known], null.size)
    return Scores(values, p, z, is_bound)


def quantiles(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower quartile, median and upper quartile, float64 (3,); NaN for an empty sample."""
    return np.quantile(sample, QUANTILES) if sample.size else np.full(3, np.nan)


def crossing(
    events: NDArray[np.float64], z: NDArray[np.float64], is_bound: NDArray[np.bool_], *, level: float
) -> Crossing:
    """Where the median significance `z` (n,) over `events` (n,), ascending, first reaches `level`, by linear
    interpolation. A point that is a bound lies anywhere above: it says that, not where, the level is
    passed, so a crossing next to one is not reported."""
    for left in range(len(events) - 1):
        right = left + 1
        if z[left] < level <= z[right]:
            if is_bound[left] or is_bound[right]:
                break
            share = (level - z[left]) / (z[right] - z[left])
            return Crossing(float(events[left] + share * (events[right] - events[left])), True)
    return Crossing(float("nan"), False)


def summary(points: Sequence[SweepPoint], name: str) -> dict[str, NDArray[Any]]:
    """Small results of one statistic called `name`; arrays with one row per sweep point.

    <name>.quantiles, .p, .z, .z_is_bound: (points, 3), of the lower quartile, median and upper
    quartile over resamplings. <name>.original, .original_p, .original_z, .original_z_is_bound:
    (points,), of the data set itself. All against the null of the same sweep values.
    """
    spread = [score(quantiles(one.resampled), null_of(one, points)) for one in points]
    whole = [score(np.array([one.original]), null_of(one, points)) for one in points]
    return {
        f"{name}.quantiles": np.stack([one.value for one in spread]),
        f"{name}.p": np.stack([one.p for one in spread]),
        f"{name}.z": np.stack([one.z for one in spread]),
        f"{name}.z_is_bound": np.stack([one.is_bound for one in spread]),
        f"{name}.original": np.concatenate([one.value for one in whole]),
        f"{name}.original_p": np.concatenate([one.p for one in whole]),
        f"{name}.original_z": np.concatenate([one.z for one in whole]),
        f"{name}.original_z_is_bound": np.concatenate([one.is_bound for one in whole]),
    }
