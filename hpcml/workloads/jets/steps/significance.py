"""`jets.significance`: null distribution, p-values and significances of scans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge, Gt

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Column, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.jets import significance
from hpcml.workloads.jets.calibration import Ensemble
from hpcml.workloads.jets.evaluation import CALIBRATED
from hpcml.workloads.refusals import reported

if TYPE_CHECKING:
    from numpy.typing import NDArray

# per statistic; three values are lower quartile, median, upper quartile
NAMES = (
    Column("statistic", "S24", (), "", "which test statistic"),
    Column("method", "S8", (), "", "scan, or fit of the inclusive spectrum"),
)
INJECTED = Column("injected", "uint32", (), "", "signal events added")
POINTS = Table(
    "points",
    (
        *NAMES,
        INJECTED,
        Column("signal_to_background", "float64", (), "", "in all windows, before clustering"),
        Column("resamplings", "uint32", (), "", "values that the quartiles are taken of"),
        Column("null_size", "uint32", (), "", "values of the null distribution"),
        Column("value", "float64", (3,), "", "the statistic"),
        Column("p", "float64", (3,), "", "mid-rank p-value"),
        Column("z", "float64", (3,), "", "significance"),
        Column("z_is_bound", "uint8", (3,), "", "1 where the null is too small: |Z| is at least this"),
    ),
)
SAMPLES = Table(
    "samples",
    (
        *NAMES,
        INJECTED,
        Column("resampling", "int32", (), "", "-1 the data set itself"),
        Column("value", "float64", (), "", "the statistic, over the ensemble of initialisations"),
        Column("p", "float64", (), "", "mid-rank p-value"),
        Column("z", "float64", (), "", "significance"),
        Column("z_is_bound", "uint8", (), "", "1 where |Z| is at least this"),
    ),
)
CROSSINGS = Table(
    "crossings",
    (
        *NAMES,
        Column("z", "float64", (), "", "the median significance that is crossed"),
        Column("events", "float64", (), "", "injected events where it is, NaN if nowhere"),
        Column("is_reached", "uint8", (), "", "1 if it is crossed by values that are no bounds"),
    ),
)


@dataclass(frozen=True, slots=True)
class SignificanceParameters:
    """statistics: which ones, one unit each. ensemble: how the initialisations of a resampling become one
    value; `each` keeps every one of them as a value of its own. ensemble_size: that many are taken, 0 for
    as many as every resampling has; resamplings with fewer are left out. crossing: the significance whose
    number of events is asked for."""

    statistics: tuple[str, ...] = ("mls_one_sided", "mls_two_sided")
    ensemble: Ensemble = "mean"
    ensemble_size: Annotated[int, Ge(0)] = 0
    crossing: Annotated[float, Gt(0)] = 3.0

    def __post_init__(self) -> None:
        if not self.statistics or len(set(self.statistics)) < len(self.statistics):
            raise ValueError("statistics must name at least one, each once")
        for name in self.statistics:
            if name not in CALIBRATED:
                raise ValueError(f"unknown statistic {name!r}: choose from {', '.join(CALIBRATED)}")


class Significances(Workload):
    """Null distribution, p-values and significances of scans. A unit is one test statistic."""

    name = "jets.significance"
    version = 1
    Parameters = SignificanceParameters
    inputs = (
        InputSpec(
            "scan",
            "a step jets.scan, jets.evaluate or jets.rebin with resamplings of the background",
            kind="step",
        ),
        InputSpec("signal", "another such step, with injected signal", required=False, kind="step"),
        InputSpec(
            "more_scans",
            "another such step, with more resamplings of either kind",
            required=False,
            kind="step",
        ),
        InputSpec(
            "toys", "a step jets.toys: the classical search to compare with", required=False, kind="step"
        ),
    )
    parameters: SignificanceParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        for number, name in enumerate(self.parameters.statistics):
            yield Unit(name, {"number": number})

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return POINTS, SAMPLES, CROSSINGS

    def process(self, unit: Unit, shared: Mapping[str, Input], ctx: Context) -> Mapping[str, Arrays]:
        p = self.parameters
        statistic = p.statistics[unit.integer("number")]
        scans = [
            run_values(source, shared[source], statistic)
            for source in ("scan", "signal", "more_scans")
            if source in shared
        ]
        with reported():
            methods = {
                "scan": significance.scored(significance.gather(scans), how=p.ensemble, size=p.ensemble_size)
            }
            if "toys" in shared:
                fit = "fit_two_sided" if statistic == "mls_two_sided" else "fit_one_sided"
                toys = significance.gather([run_values("toys", shared["toys"], fit)])
                methods["fit"] = significance.scored(toys, how="mean", size=1)
        parts: dict[str, list[dict[str, NDArray[Any]]]] = {"points": [], "samples": [], "crossings": []}
        for method, points in methods.items():
            of_points = significance.point_columns(points)
            reached = significance.crossing_of(of_points, level=p.crossing)
            crossing = {
                "z": np.array([p.crossing]),
                "events": np.array([reached.events]),
                "is_reached": np.array([reached.is_reached], np.uint8),
            }
            found = (of_points, significance.sample_columns(points), crossing)
            for table, columns in zip(parts, found, strict=True):
                rows = len(next(iter(columns.values())))
                labels = {
                    "statistic": np.full(rows, statistic, "S24"),
                    "method": np.full(rows, method, "S8"),
                }
                parts[table].append(labels | columns)
        return {
            table: {column: np.concatenate([part[column] for part in several]) for column in several[0]}
            for table, several in parts.items()
        }

    def summarise(self, table: Input) -> Mapping[str, Any]:
        points, samples, crossings = columns_of(table)
        names = np.stack([crossings["statistic"], crossings["method"].astype("S24")])
        # a sweep has several values under one name: its tables tell them apart
        if len(np.unique(names, axis=1)[0]) < names.shape[1]:
            return {}
        return significance.headline(points, samples, crossings)

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jets.figures.significance import significance_figures

        return significance_figures(*columns_of(table))


def columns_of(table: Input) -> list[dict[str, NDArray[Any]]]:
    """The columns of `points`, `samples` and `crossings` by name."""
    return [
        {column.name: np.asarray(table.array(column.name, part.name)) for column in part.columns}
        for part in (POINTS, SAMPLES, CROSSINGS)
    ]


def run_values(source: str, table: Input, statistic: str) -> significance.RunValues:
    """One statistic of all runs of a step. UsageError when the step swept more than the injected events."""
    names = np.stack(
        [
            column.astype(np.int64)
            for column in table.columns("statistics", "injected", "resampling", "initialisation")
        ]
    )
    if len(np.unique(names, axis=1)[0]) < names.shape[1]:
        raise UsageError(
            f"input `{source}` holds a run several times ({len(table.keys())} units)",
            "it swept more than the injected events: evaluate one value of it, in a step of its own",
        )
    background, signal, value = table.columns("statistics", "background_jets", "signal_jets", statistic)
    injected, resampling, initialisation = names
    ratio = signal / np.maximum(background, 1)
    return significance.RunValues(source, injected, resampling, initialisation, value, ratio)
