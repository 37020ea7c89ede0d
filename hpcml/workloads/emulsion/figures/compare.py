"""Plots of data against simulation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.plots.style import INK, SIGNAL, canvas, styled
from hpcml.workload import Figure, Input
from hpcml.workloads.emulsion.classification import COMPARED
from hpcml.workloads.emulsion.figures.labels import LABELS, show_range

if TYPE_CHECKING:
    from numpy.typing import NDArray


def compare_figures(table: Input) -> Iterator[Figure]:
    """The figures of a merged emulsion.compare."""
    names = ("feature", "low", "high", "data", "simulation")
    columns = dict(zip(names, table.columns("histograms", *names), strict=True))
    number = [int(table.array(f"showers_{kind}", "totals")[0]) for kind in ("data", "simulation")]
    yield overlaid_features(columns, *number)


@styled
def overlaid_features(columns: dict[str, NDArray[Any]], data: int, simulation: int) -> Figure:
    """Both normalised to unit area, data with the errors of their counts. data, simulation: showers."""
    figure = canvas(9.0, 6.4)
    for axis, (name, limits) in zip(figure.subplots(2, 2).ravel(), COMPARED.items(), strict=True):
        own = columns["feature"] == name.encode()
        low, high = columns["low"][own], columns["high"][own]
        width = high - low
        edges = np.r_[low, high[-1]]
        expected, seen = columns["simulation"][own], columns["data"][own]
        area = max(float((expected * width).sum()), width[0])
        axis.stairs(expected / area, edges, fill=True, color=SIGNAL, alpha=0.35,
                    label=f"simulation, {simulation} showers")  # fmt: skip
        area = max(float((seen * width).sum()), width[0])
        axis.errorbar(0.5 * (low + high), seen / area, np.sqrt(seen) / area, fmt=".", ms=4, lw=1, color=INK,
                      label=f"data, {data} showers")  # fmt: skip
        axis.set_ylim(0.0, None)
        show_range(axis, limits)
        axis.set_xlabel(LABELS[name])
        axis.set_ylabel("density")
    figure.axes[0].legend()
    return Figure("overlay", "Segments predicted to be signal: data and simulation, of unit area.", figure)
