"""Scans without and with signal -> null distribution, p and Z, and where a significance is reached.

Gathering the runs of several steps and scoring them, one statistic at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.workloads.jets import calibration

if TYPE_CHECKING:
    from numpy.typing import NDArray


class RunValues(NamedTuple):
    """One statistic of the runs of one step; arrays (runs,).

    source: the step, for messages. injected, resampling, initialisation: int64. value: float64.
    signal_to_background: float64, in all windows.
    """

    source: str
    injected: NDArray[np.int64]
    resampling: NDArray[np.int64]
    initialisation: NDArray[np.int64]
    value: NDArray[np.float64]
    signal_to_background: NDArray[np.float64]


class Point(NamedTuple):
    """All values with one number of injected events: score of each, and of their quartiles.

    resampling: int64 (n,), -1 for the data set itself. each: scores (n,). spread: scores (3,) of quartile,
    median, quartile over resamplings. null_size: values of the null.
    """

    injected: int
    signal_to_background: float
    resampling: NDArray[np.int64]
    each: calibration.Scores
    spread: calibration.Scores
    null_size: int


def gather(steps: Sequence[RunValues]) -> RunValues:
    """The runs of several steps as one. A run that two steps hold counts once and must be the same in both:
    UsageError names the first that is not."""
    columns = [np.concatenate(parts) for parts in zip(*(one[1:] for one in steps), strict=True)]
    source = np.repeat(np.arange(len(steps)), [len(one.value) for one in steps])
    joined = RunValues(" and ".join(one.source for one in steps), *columns)
    order = np.lexsort((source, joined.initialisation, joined.resampling, joined.injected))
    names = np.stack([joined.injected, joined.resampling, joined.initialisation], axis=1)[order]
    again = np.r_[False, (names[1:] == names[:-1]).all(axis=1)]
    value = joined.value[order]
    differs = np.flatnonzero(again & np.r_[False, value[1:] != value[:-1]])
    if differs.size:
        place = int(differs[0])
        injected, b, i = names[place].tolist()
        first, second = (steps[source[order[one]]].source for one in (place - 1, place))
        raise UsageError(
            f"resampling {b}, initialisation {i} with {injected} injected events is "
            f"{value[place - 1]:.6g} in {first}, {value[place]:.6g} in {second}",
            "these steps differ in seed, events or parameters, or number their resamplings alike by mistake",
        )
    kept = order[~again]
    return RunValues(joined.source, *(column[kept] for column in joined[1:]))


def scored(runs: RunValues, *, how: calibration.Ensemble, size: int) -> list[Point]:
    """Points by injected events, ascending, against the resamplings with none. UsageError without any."""
    found: dict[int, tuple[NDArray[np.int64], NDArray[np.float64], float]] = {}
    for injected in np.unique(runs.injected).tolist():
        own = runs.injected == injected
        numbers, values = calibration.ensembles(
            runs.resampling[own], runs.initialisation[own], runs.value[own], size=size, how=how
        )
        found[injected] = numbers, values, float(runs.signal_to_background[own].mean())
    numbers, values, _ = found.get(0, (np.zeros(0, np.int64), np.zeros(0), 0.0))
    null = values[numbers != calibration.ORIGINAL]
    if null.size == 0:
        enough = f" with {size} initialisations" if size else ""
        raise UsageError(
            f"{runs.source} hold no resampling without signal{enough}",
            "scan the background alone (injected: 0), or lower ensemble_size",
        )
    return [
        Point(
            injected,
            ratio,
            numbers,
            calibration.score(values, null),
            _spread(values[numbers != calibration.ORIGINAL], null),
            null.size,
        )
        for injected, (numbers, values, ratio) in found.items()
    ]


def _spread(values: NDArray[np.float64], null: NDArray[np.float64]) -> calibration.Scores:
    """Quartiles of the statistic, and of p and Z of each value (not p of the quartile)."""
    each = calibration.score(values, null)
    z = calibration.quantiles(each.z)
    # a quartile that no null value reaches is as much a bound as the values that it is made of
    limit = np.abs(z) >= np.abs(each.z[each.is_bound]).min(initial=np.inf)
    p = calibration.quantiles(each.p)[::-1]
    return calibration.Scores(calibration.quantiles(values), p, z, limit)


def point_columns(points: Sequence[Point]) -> dict[str, NDArray[Any]]:
    """Points as columns of a table, one row each."""
    return {
        "injected": np.array([one.injected for one in points], np.uint32),
        "signal_to_background": np.array([one.signal_to_background for one in points]),
        "resamplings": np.array([(one.resampling >= 0).sum() for one in points], np.uint32),
        "null_size": np.array([one.null_size for one in points], np.uint32),
        "value": np.stack([one.spread.value for one in points]),
        "p": np.stack([one.spread.p for one in points]),
        "z": np.stack([one.spread.z for one in points]),
        "z_is_bound": np.stack([one.spread.is_bound for one in points]).astype(np.uint8),
    }


def sample_columns(points: Sequence[Point]) -> dict[str, NDArray[Any]]:
    """The values of all points as columns of a table, one row each."""
    size = [len(one.resampling) for one in points]
    return {
        "injected": np.repeat(np.array([one.injected for one in points], np.uint32), size),
        "resampling": np.concatenate([one.resampling for one in points]).astype(np.int32),
        "value": np.concatenate([one.each.value for one in points]),
        "p": np.concatenate([one.each.p for one in points]),
        "z": np.concatenate([one.each.z for one in points]),
        "z_is_bound": np.concatenate([one.each.is_bound for one in points]).astype(np.uint8),
    }


def crossing_of(columns: Mapping[str, NDArray[Any]], *, level: float) -> calibration.Crossing:
    """Where the median significance of `point_columns` reaches `level`."""
    events = columns["injected"].astype(np.float64)
    bound = columns["z_is_bound"][:, 1].astype(bool)
    return calibration.crossing(events, columns["z"][:, 1], bound, level=level)
