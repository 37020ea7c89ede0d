"""`jets.rebin`: jets labelled with the centres that a scan kept, counted in other windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Context, Figure, Input, InputSpec, Table, Unit, Workload, rows_of
from hpcml.workloads.jets import resampling
from hpcml.workloads.jets.columns import count_table, run_columns, statistics_table
from hpcml.workloads.jets.evaluation import EvaluationSettings, evaluate_runs
from hpcml.workloads.jets.event_tables import EVENT_INPUTS, ScanData, open_events
from hpcml.workloads.jets.resampling import Bootstrap
from hpcml.workloads.jets.runs import require_clusters
from hpcml.workloads.jets.windows import check_windows, mass_windows
from hpcml.workloads.refusals import reported

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RebinParameters:
    """Windows as in a scan, evaluation as in evaluation.py. k, bootstrap, signal_sample: as in it."""

    k: Annotated[int, Ge(2), Le(65535)] = 50
    evaluation_interval: tuple[float, float] = (3000.0, 4600.0)
    window_width: Annotated[float, Gt(0)] = 50.0
    window_steps: Annotated[int, Ge(5)] = 32
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    bootstrap: Bootstrap = "multinomial"
    signal_sample: Annotated[int, Ge(-1)] = -1

    def __post_init__(self) -> None:
        check_windows(self.evaluation_interval, self.window_width)


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
    inputs = (
        *EVENT_INPUTS,
        InputSpec("scan", "a step jets.scan of these events with keep_centres: true", kind="step"),
    )
    parameters: RebinParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        index = inputs["scan"].index("statistics").astype(np.int64)
        for key, (first, count) in zip(inputs["scan"].keys(), index.tolist(), strict=True):
            if count:
                yield Unit(key, {"first": first, "count": count}, float(count))

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        p = self.parameters
        return statistics_table(p.k), count_table(p.window_steps, p.k)

    def open(self, inputs: Mapping[str, Input]) -> RebinData:
        p, scan = self.parameters, inputs["scan"]
        require_clusters(scan, p.k)
        if not scan.array("value", "centres").size:
            raise UsageError("the scan kept no centres", "scan with keep_centres: true")
        windows = mass_windows(p.evaluation_interval, p.window_width, steps=p.window_steps)
        # nothing is trained here: any interval will do
        return RebinData(open_events(inputs, windows, p.evaluation_interval), scan)

    def process(self, unit: Unit, shared: RebinData, ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.workloads.jets.counting import count_sample

        scan, events, rows = shared.scan, shared.events, rows_of(unit)
        b, first, injected, per_event = (
            int(column[rows.start])
            for column in scan.columns(
                "statistics", "resampling", "initialisation", "injected", "jets_per_event"
            )
        )
        numbers = range(first, first + unit.integer("count"))
        centres = self._centres(scan, rows)
        options: Any = {"windows": events.windows, "jets_per_event": per_event}
        with reported():
            background, signal = self._weights(shared, b, injected, rows=rows, ctx=ctx)
            counted: Any = {
                "background": count_sample(events.background, background, centres, **options),
                "signal": count_sample(events.signal, signal, centres, **options),
            }
            evaluated = evaluate_runs(
                **counted,
                **options,
                how=self.parameters.evaluation,
                streams=[ctx.stream("labelling", b, i) for i in numbers],
            )
        run = run_columns(
            np.full(len(numbers), b),
            np.array(numbers),
            injected=injected,
            jets_per_event=per_event,
            **counted,
        )
        window = np.repeat(events.windows[None], len(numbers), axis=0)
        return {"statistics": run | evaluated, "counts": {"window": window, **counted}}

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jets.figures.run import run_figures

        return run_figures(table, self.parameters.evaluation)

    def _weights(
        self, shared: RebinData, b: int, injected: int, *, rows: slice, ctx: Context
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """The weights of resampling `b`, drawn again from the streams that the scan drew them from.

        UsageError unless they are those of the scan.
        """
        p, events = self.parameters, shared.events
        background = resampling.background_weights(
            p.bootstrap, b, events.background.rows.size, stream=ctx.stream("weights", b)
        )
        sample = b if p.signal_sample < 0 else p.signal_sample
        signal = resampling.signal_weights(ctx.stream("signal", sample), events.signal.rows.size, injected)
        kept = shared.scan.array("weight_digest", "training")[rows]
        if (kept != resampling.weight_digest(background, signal)).any():
            raise UsageError(
                f"resampling {b} is not the one of the scan",
                "give this campaign the scan's seed, events, bootstrap and signal_sample",
            )
        return background, signal

    def _centres(self, scan: Input, rows: slice) -> NDArray[np.float32]:
        """Centres float32 (runs, k, features) of these runs."""
        values = scan.array("value", "centres")
        size = len(values) // scan.rows("statistics")
        centres = np.asarray(values[rows.start * size : rows.stop * size])
        return centres.reshape(rows.stop - rows.start, self.parameters.k, -1)
