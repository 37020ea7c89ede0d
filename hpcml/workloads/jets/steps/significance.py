"""From statistics to significance: the workloads `jets.toys` and `jets.significance`.

Units, and which function gets which array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.jets import counting, runs, significance, toys
from hpcml.workloads.jets.parameters_results import SignificanceParameters, ToyParameters
from hpcml.workloads.jets.steps.events import blocks
from hpcml.workloads.jets.steps.scan import EVENT_INPUTS
from hpcml.workloads.jets.tables import significance_tables, toy_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.jets.significance import RunValues


class ToyData(NamedTuple):
    """windows: (steps, 2), GeV. curve: float64 (steps,), the fit of all background events. total: background
    events of the file. signal_cells: int64 (signal events,), window of each, -1 outside."""

    windows: NDArray[np.float64]
    curve: NDArray[np.float64]
    total: int
    signal_cells: NDArray[np.int64]


class FitToys(Workload):
    """Pseudo-experiments of the classical search, to compare with. A unit is a block of toys."""

    name = "jets.toys"
    version = 1
    Parameters = ToyParameters
    unit_parameters = frozenset({"toys"})
    inputs = EVENT_INPUTS
    parameters: ToyParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        for first, count in blocks(self.parameters.toys, self.parameters.block_size):
            yield Unit(
                f"toys-{first:06d}-{first + count - 1:06d}", {"first": first, "count": count}, float(count)
            )

    def tables(self) -> tuple[Table, ...]:
        return (toy_table(),)

    def open(self, inputs: Mapping[str, Input]) -> ToyData:
        from hpcml.workloads.jets.dijet import fit_dijet

        p = self.parameters
        windows = counting.mass_windows(p.evaluation_interval, p.window_width, steps=p.window_steps)
        if (windows[1:, 0] < windows[:-1, 1]).any():
            raise UsageError("toys need windows that do not overlap", "set window_width and window_steps so")
        m_jj, label = runs.masses_and_labels(inputs["images"])
        background, signal = m_jj[label != 1], m_jj[label == 1]
        if "signal" in inputs:
            signal, _ = runs.masses_and_labels(inputs["signal"])
        counts = np.bincount(_window_of(background, windows) + 1, minlength=len(windows) + 1)[1:]
        try:
            curve = fit_dijet(counts, windows, parameters=p.fit_parameters).expected
        except ValueError as error:
            raise UsageError(str(error)) from error
        return ToyData(windows, curve, len(background), _window_of(signal, windows))

    def process(self, unit: Unit, shared: ToyData, ctx: Context) -> Mapping[str, Arrays]:
        p = self.parameters
        injected = p.injected or round(p.signal_fraction * len(shared.signal_cells))
        first, count = int(unit.payload["first"]), int(unit.payload["count"])
        rng = ctx.stream("toys", first, injected)
        try:
            background = toys.draw_background(shared.curve, shared.total, toys=count, rng=rng)
            signal = toys.draw_signal(
                shared.signal_cells, injected, windows=len(shared.windows), toys=count, rng=rng
            )
        except ValueError as error:
            raise UsageError(str(error)) from error
        found = toys.toy_statistics(
            background + signal, shared.curve, shared.windows, parameters=p.fit_parameters
        )
        columns: dict[str, NDArray[Any]] = {
            "resampling": np.arange(first, first + count, dtype=np.int32),
            "initialisation": np.zeros(count, np.uint16),
            "injected": np.full(count, injected, np.uint32),
            "jets_per_event": np.full(count, 1, np.uint8),
            "background_jets": background.sum(axis=1).astype(np.uint64),
            "signal_jets": signal.sum(axis=1).astype(np.uint64),
        }
        return {"statistics": columns | found._asdict()}


def _window_of(m_jj: NDArray[np.float64], windows: NDArray[np.float64]) -> NDArray[np.int64]:
    """The window of each mass, -1 outside of all; windows do not overlap but may leave gaps."""
    window = np.searchsorted(windows[:, 0], m_jj, side="right") - 1
    outside = (window < 0) | (m_jj >= windows[np.maximum(window, 0), 1])
    return np.where(outside, -1, window).astype(np.int64)


class Significances(Workload):
    """Null distribution, p-values and significances of scans. A unit is one test statistic."""

    name = "jets.significance"
    version = 1
    Parameters = SignificanceParameters
    inputs = (
        InputSpec("scan", "a step jets.scan, jets.evaluate or jets.rebin with resamplings of the background"),
        InputSpec("signal", "another such step, with injected signal", required=False),
        InputSpec("more_scans", "another such step, with more resamplings of either kind", required=False),
        InputSpec("toys", "a step jets.toys: the classical search to compare with", required=False),
    )
    parameters: SignificanceParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        for number, name in enumerate(self.parameters.statistics):
            yield Unit(name, {"number": number})

    def tables(self) -> tuple[Table, ...]:
        return significance_tables()

    def process(self, unit: Unit, shared: Mapping[str, Input], ctx: Context) -> Mapping[str, Arrays]:
        p = self.parameters
        name = p.statistics[int(unit.payload["number"])]
        scans = [(one, shared[one]) for one in ("scan", "signal", "more_scans") if one in shared]
        methods = {
            "scan": ([run_values(key, table, name) for key, table in scans], p.ensemble, p.ensemble_size)
        }
        fit_name = "fit_two_sided" if name == "mls_two_sided" else "fit_one_sided"
        if "toys" in shared:
            methods["fit"] = ([run_values("toys", shared["toys"], fit_name)], "mean", 1)
        parts: dict[str, list[dict[str, NDArray[Any]]]] = {"points": [], "samples": [], "crossings": []}
        for method, (steps, ensemble, size) in methods.items():
            points = significance.scored(significance.gather(steps), how=ensemble, size=size)
            of_points = significance.point_columns(points)
            reached = significance.crossing_of(of_points, level=p.crossing)
            crossing = {
                "z": np.array([p.crossing]),
                "events": np.array([reached.events]),
                "is_reached": np.array([reached.is_reached], np.uint8),
            }
            found = (of_points, significance.sample_columns(points), crossing)
            for table, columns in zip(parts, found, strict=True):
                size_of = len(next(iter(columns.values())))
                labels = {
                    "statistic": np.full(size_of, name, "S24"),
                    "method": np.full(size_of, method, "S8"),
                }
                parts[table].append(labels | columns)
        return {
            table: {column: np.concatenate([one[column] for one in several]) for column in several[0]}
            for table, several in parts.items()
        }

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jets.figures.significance import significance_figures

        return significance_figures(list(tables.values())[-1])


def run_values(source: str, table: Input, statistic: str) -> RunValues:
    """One statistic of all runs of a step. UsageError when the step swept more than the injected events."""
    number = len(table.keys())
    injected, resampling, initialisation = names = np.stack(
        [
            np.asarray(table.array(one, "statistics")).astype(np.int64)
            for one in ("injected", "resampling", "initialisation")
        ]
    )
    if len(np.unique(names, axis=1)[0]) < names.shape[1]:
        raise UsageError(
            f"input `{source}` holds a run several times ({number} units)",
            "it swept more than the injected events: evaluate one value of it, in a step of its own",
        )
    background = np.maximum(np.asarray(table.array("background_jets", "statistics")), 1)
    ratio = np.asarray(table.array("signal_jets", "statistics")) / background
    value = np.asarray(table.array(statistic, "statistics"))
    return significance.RunValues(source, injected, resampling, initialisation, value, ratio)
