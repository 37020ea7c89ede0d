"""Plots of data against simulation.

Drawing of the table of `emulsion.compare`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hpcml.plots.style import INK, SIGNAL, canvas, styled
from hpcml.workload import Figure, Input
from hpcml.workloads.emulsion.figures.learning import FEATURES


def compare_figures(table: Input) -> Iterator[Figure]:
    """All that a merged emulsion.compare has something to show for."""
    columns = {
        one: np.asarray(table.array(one, "histograms"))
        for one in ("feature", "low", "high", "data", "simulation")
    }
    number = [int(table.array(f"showers_{kind}", "totals")[0]) for kind in ("data", "simulation")]
    yield overlay(columns, *number)


@styled
def overlay(columns: dict[str, np.ndarray], data: int, simulation: int) -> Figure:
    """Both normalised to unit area, data with the errors of their counts. data, simulation: showers."""
    figure = canvas(9.0, 6.4)
    for axis, (name, label, wanted) in zip(figure.subplots(2, 2).ravel(), FEATURES, strict=True):
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
        if wanted:
            axis.set_xticks(np.linspace(-0.2, 0.2, 5))
        axis.set_xlabel(label)
        axis.set_ylabel("density")
    figure.axes[0].legend()
    return Figure("overlay", "Segments predicted to be signal: data and simulation, of unit area.", figure)
