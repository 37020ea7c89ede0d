"""Distributions on axes of others: a null distribution with observed values, data over simulation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.plots.axes import log_counts
from hpcml.plots.style import BACKGROUND, INK, SIGNAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 40


class Mark(NamedTuple):
    """A value of a test statistic to show over its null distribution.

    value: where the line is. label: of the legend. colour, style, width: of the line. band: (low, high) of a
    shaded interval around it, None without.
    """

    value: float
    label: str
    colour: Any
    style: str = "-"
    width: float = 1.6
    band: tuple[float, float] | None = None


def draw_null(axis: Any, null: NDArray[np.float64], marks: Sequence[Mark], *, label: str) -> None:
    """The histogram of `null` (n,), n > 0, in 40 bins on a logarithmic count axis, with a line for each mark.

    The range of values includes 0, the null and all marks. label: of the histogram in the legend.
    """
    ends = [mark.band[1] for mark in marks if mark.band] + [mark.value for mark in marks]
    low, high = min(float(null.min()), 0.0), 1.05 * max(float(null.max()), *ends, 1e-9)
    axis.hist(null, bins=np.linspace(low, high, BINS + 1), color=BACKGROUND, alpha=0.75, label=label)
    for mark in marks:
        if mark.band:
            axis.axvspan(*mark.band, color=mark.colour, alpha=0.18, lw=0)
        axis.axvline(mark.value, color=mark.colour, ls=mark.style, lw=mark.width, label=mark.label)
    log_counts(axis.yaxis)
    axis.set_ylim(0.6, 1.6 * axis.get_ylim()[1])
    axis.set_xlim(low, high)


def overlay(
    axis: Any,
    edges: NDArray[np.float64],
    data: NDArray[Any],
    simulation: NDArray[Any],
    *,
    labels: tuple[str, str] = ("data", "simulation"),
) -> None:
    """Counts `data` and `simulation` (bins,) between `edges` (bins + 1,), each divided by its area.

    Data are points with the errors of their counts, simulation is a filled histogram. labels: of data and
    simulation in the legend.
    """
    width = np.diff(edges)
    data_area, simulation_area = (
        max(float((counts * width).sum()), float(width[0])) for counts in (data, simulation)
    )
    axis.stairs(simulation / simulation_area, edges, fill=True, color=SIGNAL, alpha=0.35, label=labels[1])
    axis.errorbar(
        0.5 * (edges[:-1] + edges[1:]), data / data_area, np.sqrt(data) / data_area,
        fmt=".", ms=4, lw=1, color=INK, label=labels[0],
    )  # fmt: skip
    axis.set_ylim(0.0, None)
    axis.set_ylabel("density")
