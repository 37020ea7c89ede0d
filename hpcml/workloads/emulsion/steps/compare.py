"""Data against simulation: the workload `emulsion.compare`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from hpcml.numerics.histograms import histogram_columns
from hpcml.workload import Column, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.emulsion.classification import COMPARED, feature_edges
from hpcml.workloads.emulsion.columns import count, one_row, real
from hpcml.workloads.emulsion.inputs import read_compared_segments

HISTOGRAMS = Table(
    "histograms",
    (
        Column("feature", "S16", (), "", "what is counted"),
        real("low", "edge of the bin"),
        real("high", "edge of the bin, within the last one"),
        Column("data", "uint64", (), "", "segments of data"),
        Column("simulation", "uint64", (), "", "segments of simulation"),
    ),
)
TOTALS = Table(
    "totals",
    (
        count("showers_data", "showers of data that are large enough"),
        count("showers_simulation", "of simulation, that the forest was not trained on"),
    ),
)


@dataclass(frozen=True, slots=True)
class CompareParameters:
    """min_size: segments from which on a shower is compared."""

    min_size: Annotated[int, Ge(0)] = 50


class ComparedShowers(Workload):
    """Features of predicted segments, in data and in simulation. One unit."""

    name = "emulsion.compare"
    version = 1
    Parameters = CompareParameters
    inputs = (
        InputSpec("data", "a step emulsion.apply on data", kind="step"),
        InputSpec("simulation", "a step emulsion.apply on simulation, e.g. of another campaign", kind="step"),
    )
    parameters: CompareParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        yield Unit("comparison")

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return HISTOGRAMS, TOTALS

    def process(
        self, unit: Unit, shared: Mapping[str, Input], ctx: Context
    ) -> Mapping[str, Mapping[str, Any]]:
        least = self.parameters.min_size
        samples = {name: read_compared_segments(shared[name], least=least) for name in ("data", "simulation")}
        features = {name: sample.features for name, sample in samples.items()}
        edges = {
            name: feature_edges(name, np.concatenate([columns[name] for columns in features.values()]))
            for name in COMPARED
        }
        return {
            "histograms": histogram_columns(features, edges),
            "totals": one_row(
                TOTALS, **{f"showers_{name}": sample.showers for name, sample in samples.items()}
            ),
        }

    def summarise(self, table: Input) -> Mapping[str, Any]:
        return {column.name: int(table.array(column.name, "totals")[0]) for column in TOTALS.columns}

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.emulsion.figures.compare import compare_figures

        return compare_figures(table)
