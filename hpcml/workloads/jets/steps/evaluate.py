"""Stored scans evaluated anew: the workloads `jets.evaluate` and `jets.rebin`.

Units, and which function gets which array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.jets import counting, scanning
from hpcml.workloads.jets.evaluation import evaluate_runs
from hpcml.workloads.jets.parameters_results import EvaluateParameters, RebinParameters
from hpcml.workloads.jets.steps.events import blocks
from hpcml.workloads.jets.steps.scan import (
    EVENT_INPUTS,
    ScanData,
    open_events,
    run_columns,
)
from hpcml.workloads.jets.tables import RUN, count_table, statistics_table

if TYPE_CHECKING:
    from numpy.typing import NDArray


def clusters_of(scan: Input) -> int:
    """k of a merged scan."""
    return int(scan.array("background", "counts").shape[2])


class EvaluateCounts(Workload):
    """Statistics of stored counts with another labelling or threshold. A unit is a block of runs."""

    name = "jets.evaluate"
    version = 1
    Parameters = EvaluateParameters
    inputs = (InputSpec("scan", "a step jets.scan or jets.rebin"),)
    parameters: EvaluateParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        for first, count in blocks(
            len(inputs["scan"].array("injected", "statistics")), self.parameters.block_size
        ):
            yield Unit(
                f"runs-{first:07d}-{first + count - 1:07d}", {"first": first, "count": count}, float(count)
            )

    def tables(self) -> tuple[Table, ...]:
        return (statistics_table(self.parameters.k),)

    def open(self, inputs: Mapping[str, Input]) -> Input:
        scan, k = inputs["scan"], self.parameters.k
        if clusters_of(scan) != k:
            raise UsageError(f"the scan has {clusters_of(scan)} clusters, k is {k}", "set k to what it has")
        return scan

    def process(self, unit: Unit, shared: Input, ctx: Context) -> Mapping[str, Arrays]:
        first = int(unit.payload["first"])
        rows = slice(first, first + int(unit.payload["count"]))
        run = {one.name: np.asarray(shared.array(one.name, "statistics")[rows]) for one in RUN}
        windows = np.asarray(shared.array("window", "counts")[rows])
        per_event = run["jets_per_event"]
        if (windows != windows[0]).any() or (per_event != per_event[0]).any():
            raise UsageError(
                "the runs of the scan differ in windows or jets", "evaluate one value of its sweep"
            )
        names = zip(run["resampling"].tolist(), run["initialisation"].tolist(), strict=True)
        evaluated = evaluate_runs(
            np.asarray(shared.array("background", "counts")[rows]),
            np.asarray(shared.array("signal", "counts")[rows]),
            windows[0],
            how=self.parameters.evaluation,
            jets_per_event=int(per_event[0]),
            streams=[ctx.stream("labelling", b, i) for b, i in names],
        )
        return {"statistics": run | evaluated}


class RebinData(NamedTuple):
    """What all units of a rank share: events and windows, and the merged scan."""

    events: ScanData
    scan: Input


class Rebinned(Workload):
    """Jets labelled with the centres that a scan kept, counted in other windows. A unit is one of the
    scan's."""

    name = "jets.rebin"
    version = 1
    Parameters = RebinParameters
    inputs = (*EVENT_INPUTS, InputSpec("scan", "a step jets.scan of these events with keep_centres: true"))
    parameters: RebinParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        index = inputs["scan"].index("statistics").astype(np.int64)
        for key, (first, count) in zip(inputs["scan"].keys(), index.tolist(), strict=True):
            if count:
                yield Unit(key, {"first": first, "count": count}, float(count))

    def tables(self) -> tuple[Table, ...]:
        p = self.parameters
        return statistics_table(p.k), count_table(p.window_steps, p.k)

    def open(self, inputs: Mapping[str, Input]) -> RebinData:
        p, scan = self.parameters, inputs["scan"]
        if clusters_of(scan) != p.k:
            raise UsageError(f"the scan has {clusters_of(scan)} clusters, k is {p.k}", "set k to what it has")
        if not scan.array("value", "centres").size:
            raise UsageError("the scan kept no centres", "scan with keep_centres: true")
        windows = counting.mass_windows(p.evaluation_interval, p.window_width, steps=p.window_steps)
        # nothing is trained here: any interval will do
        return RebinData(open_events(inputs, windows, p.evaluation_interval), scan)

    def process(self, unit: Unit, shared: RebinData, ctx: Context) -> Mapping[str, Arrays]:
        p, scan, events = self.parameters, shared.scan, shared.events
        first, count = int(unit.payload["first"]), int(unit.payload["count"])
        rows = slice(first, first + count)
        run = {one.name: np.asarray(scan.array(one.name, "statistics")[rows]) for one in RUN}
        b, injected = int(run["resampling"][0]), int(run["injected"][0])
        per_event = int(run["jets_per_event"][0])
        background, signal = self._weights(events, b, injected, ctx=ctx)
        kept = np.asarray(scan.array("weight_digest", "training")[rows])
        if (kept != scanning.weight_digest(background, signal)).any():
            raise UsageError(
                f"resampling {b} is not the one of the scan",
                "give this campaign the scan's seed, events, bootstrap and signal_sample",
            )
        centres = self._centres(scan, first, count)
        options: Any = {"windows": events.windows, "jets_per_event": per_event}
        counted: Any = {
            "background": scanning.window_counts(events.background, background, centres, **options),
            "signal": scanning.window_counts(events.signal, signal, centres, **options),
        }
        numbers = range(int(run["initialisation"][0]), int(run["initialisation"][0]) + count)
        evaluated = evaluate_runs(
            **counted, **options, how=p.evaluation, streams=[ctx.stream("labelling", b, i) for i in numbers]
        )
        columns = run_columns(b, numbers, injected=injected, jets_per_event=per_event, **counted)
        window = np.repeat(events.windows[None], count, axis=0)
        return {"statistics": columns | evaluated, "counts": {"window": window, **counted}}

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jets.figures.scan import run_figures

        return run_figures(list(tables.values())[-1], self.parameters.evaluation)

    def _weights(
        self, events: ScanData, b: int, injected: int, *, ctx: Context
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """The weights of resampling `b`, drawn again from the streams that the scan drew them from."""
        size = events.background.rows.size
        background = np.ones(size, np.uint16)
        if b >= 0:
            background = scanning.background_weights(
                self.parameters.bootstrap, ctx.stream("weights", b), size
            )
        sample = b if self.parameters.signal_sample < 0 else self.parameters.signal_sample
        signal = scanning.signal_weights(ctx.stream("signal", sample), events.signal.rows.size, injected)
        return background, signal

    def _centres(self, scan: Input, first: int, count: int) -> NDArray[np.float32]:
        """Centres float32 (runs, k, features) of the runs first .. first+count."""
        values = scan.array("value", "centres")
        size = len(values) // len(scan.array("injected", "statistics"))
        own = np.asarray(values[first * size : (first + count) * size])
        return own.reshape(count, self.parameters.k, -1)
