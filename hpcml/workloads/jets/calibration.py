"""Statistics of many resamplings -> null distribution, p-values and significances.

The null is conditional: resamplings of one data set carry the fluctuation of that data set as
well. A threshold of 3 robust deviations is therefore not 3 sigma; only the calibrated p counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from hpcml.numerics.intervals import quartiles
from hpcml.numerics.pvalues import empirical_p, p_error, significance, z_error
from hpcml.workloads.jets.resampling import ORIGINAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.jets.runs import Runs

Ensemble = Literal["mean", "median", "max", "min", "each"]


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
    complete = np.flatnonzero(available >= wanted)
    rows = order[first[complete, None] + np.arange(wanted)]
    matrix = values[rows]
    if how == "each":
        return np.repeat(numbers[complete], wanted), matrix.ravel()
    if not complete.size:
        return numbers[complete], np.zeros(0)
    reduced = {
        "mean": matrix.mean(axis=1),
        "median": np.median(matrix, axis=1),
        "max": matrix.max(axis=1),
        "min": matrix.min(axis=1),
    }
    return numbers[complete], reduced[how]


def sweep_points(found: Sequence[Runs], values: NDArray[np.float64]) -> list[SweepPoint]:
    """Average a statistic, `values` (rows of the table,), over the initialisations of a resampling."""
    points = []
    for runs in found:
        numbers, means = ensembles(runs.resampling, runs.initialisation, values[runs.row])
        of_data = means[numbers == ORIGINAL]
        original = float(of_data[0]) if of_data.size else float("nan")
        points.append(SweepPoint(runs.injected, runs.others, means[numbers != ORIGINAL], original))
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


def score_summary(scores: Scores, null_size: int) -> dict[str, NDArray[Any]]:
    """p and Z of some values with their errors from the finite null, and which Z are bounds: arrays of the
    shape of the scores. Errors are NaN without a null, that of Z also where Z is a bound."""
    p_errors, z_errors = np.full(scores.p.shape, np.nan), np.full(scores.p.shape, np.nan)
    known = np.isfinite(scores.p)
    exact = known & ~scores.is_bound
    if known.any():
        p_errors[known] = p_error(scores.p[known], null_size)
        z_errors[exact] = z_error(scores.p[exact], null_size)
    return {
        "p": scores.p,
        "p_error": p_errors,
        "z": scores.z,
        "z_error": z_errors,
        "z_is_bound": scores.is_bound,
    }


def headline(points: Sequence[SweepPoint], statistic: str) -> dict[str, NDArray[Any]]:
    """What a scan ends with, for one statistic: arrays with one value per sweep point.

    injected_events, the other swept values by their names, resamplings, null_size.
    <statistic>_median: over resamplings, with _median_p, _median_z and their errors. <statistic>_observed: of
    the data set itself, with the same, if it was scanned. All against the null of the same sweep values.
    """
    nulls = [null_of(point, points) for point in points]
    results: dict[str, NDArray[Any]] = {"injected_events": np.array([point.injected for point in points])}
    for name in points[0].others if points else ():
        results[name] = np.array([point.others[name] for point in points])
    results["resamplings"] = np.array([point.resampled.size for point in points])
    results["null_size"] = np.array([null.size for null in nulls])
    values = {
        "median": [quartiles(point.resampled)[1] for point in points],
        "observed": [point.original for point in points],
    }
    for what, of_points in values.items():
        if not np.isfinite(of_points).any():
            continue
        name = f"{statistic}_{what}"
        results[name] = np.array(of_points)
        summaries = [
            score_summary(score(np.array([value]), null), null.size)
            for value, null in zip(of_points, nulls, strict=True)
        ]
        for key in summaries[0]:
            results[f"{name}_{key}"] = np.concatenate([summary[key] for summary in summaries])
    return results
