"""Data against simulation: the workload `emulsion.compare`.

Histograms of the segments of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hpcml.workload import Arrays, Column, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.emulsion.figures.learning import FEATURES, feature_edges
from hpcml.workloads.emulsion.parameters_learning import CompareParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

HISTOGRAMS = Table(
    "histograms",
    (
        Column("feature", "S16", (), "", "what is counted"),
        Column("low", "float64", (), "", "edge of the bin"),
        Column("high", "float64", (), "", "edge of the bin, within the last one"),
        Column("data", "uint64", (), "", "segments of data"),
        Column("simulation", "uint64", (), "", "segments of simulation"),
    ),
)
TOTALS = Table(
    "totals",
    (
        Column("showers_data", "uint32", (), "", "showers of data that are large enough"),
        Column("showers_simulation", "uint32", (), "", "of simulation, that the forest was not trained on"),
    ),
)


class Kept(NamedTuple):
    """Number of showers, and the features of their predicted segments, float64 (n,) each."""

    showers: int
    features: dict[str, NDArray[np.float64]]


class ComparedShowers(Workload):
    """Features of predicted segments, in data and in simulation. One unit."""

    name = "emulsion.compare"
    version = 1
    Parameters = CompareParameters
    inputs = (
        InputSpec("data", "a step emulsion.apply on data"),
        InputSpec("simulation", "a step emulsion.apply on simulation, e.g. of another campaign"),
    )
    parameters: CompareParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        yield Unit("comparison")

    def tables(self) -> tuple[Table, ...]:
        return HISTOGRAMS, TOTALS

    def process(self, unit: Unit, shared: Mapping[str, Input], ctx: Context) -> Mapping[str, Arrays]:
        least = self.parameters.min_size
        data, simulation = (kept_segments(shared[name], least) for name in ("data", "simulation"))
        columns: dict[str, list[NDArray[np.generic]]] = {one.name: [] for one in HISTOGRAMS.columns}
        for name, _, wanted in FEATURES:
            edges = feature_edges(np.r_[data.features[name], simulation.features[name]], wanted)
            columns["feature"].append(np.full(len(edges) - 1, name, "S16"))
            columns["low"].append(edges[:-1])
            columns["high"].append(edges[1:])
            for kind, kept in (("data", data), ("simulation", simulation)):
                columns[kind].append(np.histogram(kept.features[name], edges)[0].astype(np.uint64))
        return {
            "histograms": {name: np.concatenate(parts) for name, parts in columns.items()},
            "totals": {
                "showers_data": np.array([data.showers], np.uint32),
                "showers_simulation": np.array([simulation.showers], np.uint32),
            },
        }

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.emulsion.figures.compare import compare_figures

        return compare_figures(list(tables.values())[-1])


def kept_segments(applied: Input, least: int) -> Kept:
    """Predicted signal of showers with at least `least` such segments that the forest was not trained on."""
    size, trained = (np.asarray(applied.array(name, "sizes")) for name in ("size", "trained"))
    good = (size >= least) & (trained == 0)
    # each shower's segments lie together, in the order of `sizes`
    rows = np.sum([applied.array(name, "sizes") for name in KINDS], axis=0, dtype=np.int64)
    predicted = np.asarray(applied.array("predicted", "predictions")) == 1
    chosen = np.repeat(good, rows) & predicted
    return Kept(
        int(good.sum()),
        {name: np.asarray(applied.array(name, "predictions"))[chosen] for name, _, _ in FEATURES},
    )


KINDS = ("true_positive", "false_positive", "false_negative", "true_negative")
