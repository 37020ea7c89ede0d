"""Plots of data against simulation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.plots.distributions import overlay
from hpcml.plots.style import canvas, styled
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
        edges = np.r_[columns["low"][own], columns["high"][own][-1]]
        labels = (f"data, {data} showers", f"simulation, {simulation} showers")
        overlay(axis, edges, columns["data"][own], columns["simulation"][own], labels=labels)
        show_range(axis, limits)
        axis.set_xlabel(LABELS[name])
    figure.axes[0].legend()
    return Figure("overlay", "Segments predicted to be signal: data and simulation, of unit area.", figure)
