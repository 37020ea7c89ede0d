"""`jets.evaluate`: statistics of stored counts with another labelling or threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Le

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Context, Input, InputSpec, Table, Unit, Workload, block_units, rows_of
from hpcml.workloads.jets.columns import RUN, statistics_table
from hpcml.workloads.jets.evaluation import EvaluationSettings, evaluate_runs
from hpcml.workloads.jets.runs import require_clusters
from hpcml.workloads.refusals import reported


@dataclass(frozen=True, slots=True)
class EvaluateParameters:
    """k: clusters of the scan. evaluation: see evaluation.py. block_size: runs of a unit."""

    k: Annotated[int, Ge(2), Le(65535)] = 50
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    block_size: Annotated[int, Ge(1)] = 500


class EvaluateCounts(Workload):
    """Statistics of stored counts with another labelling or threshold. A unit is a block of runs."""

    name = "jets.evaluate"
    version = 1
    Parameters = EvaluateParameters
    inputs = (InputSpec("scan", "a step jets.scan or jets.rebin", kind="step"),)
    parameters: EvaluateParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        return block_units("runs", inputs["scan"].rows("statistics"), self.parameters.block_size, digits=7)

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (statistics_table(self.parameters.k),)

    def open(self, inputs: Mapping[str, Input]) -> Input:
        require_clusters(inputs["scan"], self.parameters.k)
        return inputs["scan"]

    def process(self, unit: Unit, shared: Input, ctx: Context) -> Mapping[str, Arrays]:
        rows = rows_of(unit)
        run = {column.name: shared.array(column.name, "statistics")[rows] for column in RUN}
        windows, background, signal = (
            column[rows] for column in shared.columns("counts", "window", "background", "signal")
        )
        per_event = run["jets_per_event"]
        if (windows != windows[0]).any() or (per_event != per_event[0]).any():
            raise UsageError(
                "the runs of the scan differ in windows or jets", "evaluate one value of its sweep"
            )
        names = zip(run["resampling"].tolist(), run["initialisation"].tolist(), strict=True)
        with reported():
            evaluated = evaluate_runs(
                background,
                signal,
                windows[0],
                how=self.parameters.evaluation,
                jets_per_event=int(per_event[0]),
                streams=[ctx.stream("labelling", b, i) for b, i in names],
            )
        return {"statistics": run | evaluated}
