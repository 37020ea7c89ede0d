"""Scans without and with signal -> null distribution, p and Z, and where a significance is reached.

The runs of several steps are gathered and scored, one statistic at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.numerics.intervals import quartiles
from hpcml.quantities import measured
from hpcml.workloads.jets import calibration
from hpcml.workloads.jets.resampling import ORIGINAL
from hpcml.workloads.refusals import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]


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
    ValueError names the first that is not."""
    columns = [np.concatenate(parts) for parts in zip(*(step[1:] for step in steps), strict=True)]
    source = np.repeat(np.arange(len(steps)), [len(step.value) for step in steps])
    joined = RunValues(" and ".join(step.source for step in steps), *columns)
    order = np.lexsort((source, joined.initialisation, joined.resampling, joined.injected))
    names = np.stack([joined.injected, joined.resampling, joined.initialisation], axis=1)[order]
    again = np.r_[False, (names[1:] == names[:-1]).all(axis=1)]
    value = joined.value[order]
    differs = np.flatnonzero(again & np.r_[False, value[1:] != value[:-1]])
    if differs.size:
        position = int(differs[0])
        injected, b, i = names[position].tolist()
        first, second = (steps[source[order[at]]].source for at in (position - 1, position))
        raise refusal(
            f"resampling {b}, initialisation {i} with {injected} injected events is "
            f"{value[position - 1]:.6g} in {first}, {value[position]:.6g} in {second}",
            "these steps differ in seed, events or parameters, or number their resamplings alike by mistake",
        )
    kept = order[~again]
    return RunValues(joined.source, *(column[kept] for column in joined[1:]))


def scored(runs: RunValues, *, how: calibration.Ensemble, size: int) -> list[Point]:
    """Points by injected events, ascending, against the resamplings with none. ValueError without any."""
    found: dict[int, tuple[NDArray[np.int64], NDArray[np.float64], float]] = {}
    for injected in np.unique(runs.injected).tolist():
        own = runs.injected == injected
        numbers, values = calibration.ensembles(
            runs.resampling[own], runs.initialisation[own], runs.value[own], size=size, how=how
        )
        found[injected] = numbers, values, float(runs.signal_to_background[own].mean())
    numbers, values, _ = found.get(0, (np.zeros(0, np.int64), np.zeros(0), 0.0))
    null = values[numbers != ORIGINAL]
    if null.size == 0:
        enough = f" with {size} initialisations" if size else ""
        raise refusal(
            f"no resampling without signal{enough} in {runs.source}",
            "scan the background alone (injected: 0), or lower ensemble_size",
        )
    return [
        Point(
            injected,
            ratio,
            numbers,
            calibration.score(values, null),
            _spread(values[numbers != ORIGINAL], null),
            null.size,
        )
        for injected, (numbers, values, ratio) in found.items()
    ]


def _spread(values: NDArray[np.float64], null: NDArray[np.float64]) -> calibration.Scores:
    """Quartiles of the statistic, and of p and Z of each value (not p of the quartile)."""
    each = calibration.score(values, null)
    z = quartiles(each.z)
    # a quartile that no null value reaches is as much a bound as the values that it is made of
    limit = np.abs(z) >= np.abs(each.z[each.is_bound]).min(initial=np.inf)
    p = quartiles(each.p)[::-1]
    return calibration.Scores(quartiles(values), p, z, limit)


def point_columns(points: Sequence[Point]) -> dict[str, NDArray[Any]]:
    """Points as columns of a table, point row each."""
    return {
        "injected": np.array([point.injected for point in points], np.uint32),
        "signal_to_background": np.array([point.signal_to_background for point in points]),
        "resamplings": np.array([(point.resampling >= 0).sum() for point in points], np.uint32),
        "null_size": np.array([point.null_size for point in points], np.uint32),
        "value": np.stack([point.spread.value for point in points]),
        "p": np.stack([point.spread.p for point in points]),
        "z": np.stack([point.spread.z for point in points]),
        "z_is_bound": np.stack([point.spread.is_bound for point in points]).astype(np.uint8),
    }


def sample_columns(points: Sequence[Point]) -> dict[str, NDArray[Any]]:
    """The values of all points as columns of a table, point row each."""
    size = [len(point.resampling) for point in points]
    return {
        "injected": np.repeat(np.array([point.injected for point in points], np.uint32), size),
        "resampling": np.concatenate([point.resampling for point in points]).astype(np.int32),
        "value": np.concatenate([point.each.value for point in points]),
        "p": np.concatenate([point.each.p for point in points]),
        "z": np.concatenate([point.each.z for point in points]),
        "z_is_bound": np.concatenate([point.each.is_bound for point in points]).astype(np.uint8),
    }


def crossing_of(columns: Columns, *, level: float) -> calibration.Crossing:
    """Where the median significance of `point_columns` reaches `level`."""
    events = columns["injected"].astype(np.float64)
    bound = columns["z_is_bound"][:, 1].astype(bool)
    return calibration.crossing(events, columns["z"][:, 1], bound, level=level)


def headline(points: Columns, samples: Columns, crossings: Columns) -> dict[str, Any]:
    """What a search ends with, from the tables `points`, `samples` and `crossings`.

    For each statistic, and with `_fit` after its name for the classical search:
    _null_size. _observed, _observed_p, _observed_z with errors: the data set itself, where it was scanned.
    _injected_events, _median_z, _median_z_is_bound: arrays, by number of injected events.
    _at_3_sigma_events (the level asked for): events for that median Z, NaN if nowhere.
    _conclusion: these in one sentence.
    """
    results: dict[str, Any] = {}
    for row, (statistic, method) in enumerate(
        zip(crossings["statistic"].tolist(), crossings["method"].tolist(), strict=True)
    ):
        name = statistic.decode() + ("" if method == b"scan" else f"_{method.decode()}")
        own, values = (
            {key: column[_rows(columns, statistic, method)] for key, column in columns.items()}
            for columns in (points, samples)
        )
        null_size = int(own["null_size"][0])
        results[f"{name}_null_size"] = null_size
        observed = (values["resampling"] == ORIGINAL) & (values["injected"] == 0)
        # `ensemble: each` has several values of the data set itself: then there is no observed one
        if observed.sum() == 1:
            value, p, z, is_bound = (values[key][observed] for key in ("value", "p", "z", "z_is_bound"))
            scores = calibration.Scores(value, p, z, is_bound.astype(np.bool_))
            results[f"{name}_observed"] = float(scores.value[0])
            for key, found in calibration.score_summary(scores, null_size).items():
                results[f"{name}_observed_{key}"] = found[0]
        filled = own["injected"] > 0
        if filled.any():
            results[f"{name}_injected_events"] = own["injected"][filled]
            results[f"{name}_median_z"] = own["z"][filled, 1]
            results[f"{name}_median_z_is_bound"] = own["z_is_bound"][filled, 1].astype(np.bool_)
            level = float(crossings["z"][row])
            results[f"{name}_at_{level:g}_sigma_events"] = float(crossings["events"][row])
        search = "The scan" if method == b"scan" else "The classical search"
        results[f"{name}_conclusion"] = conclusion(f"{search} by {statistic.decode()}", name, results)
    return results


def conclusion(search: str, name: str, results: Mapping[str, Any]) -> str:
    """The headline of a search as one sentence. name: how its results are called in `results`."""
    parts = []
    if f"{name}_observed_p" in results:
        p, z = (
            measured(float(results[f"{name}_observed_{key}"]), float(results[f"{name}_observed_{key}_error"]))
            for key in ("p", "z")
        )
        bound = " at least" if results[f"{name}_observed_z_is_bound"] else ""
        parts.append(f"the data set itself has p = {p} and Z ={bound} {z}")
    if f"{name}_injected_events" in results:
        events = results[f"{name}_injected_events"]
        bound = " at least" if results[f"{name}_median_z_is_bound"][-1] else ""
        z = measured(float(results[f"{name}_median_z"][-1]))
        parts.append(f"{events[-1]} injected events have a median Z of{bound} {z}")
        for key, value in results.items():
            if key.startswith(f"{name}_at_") and key.endswith("_sigma_events"):
                level = key.removeprefix(f"{name}_at_").removesuffix("_sigma_events")
                reached = f"at {value:.0f} events" if np.isfinite(value) else "nowhere"
                parts.append(f"{level} sigma is reached {reached}")
    null = f"against {results[f'{name}_null_size']} resamplings of the background"
    return f"{search}, {null}: {'; '.join(parts) or 'no observed value and no injected events'}."


def _rows(columns: Columns, statistic: bytes, method: bytes) -> NDArray[np.bool_]:
    rows: NDArray[np.bool_] = (columns["statistic"] == statistic) & (columns["method"] == method)
    return rows
