"""Plots of a scan: null distribution, what the statistic saw in one run, the centres of k-means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.numerics.intervals import quartiles
from hpcml.plots.distributions import Mark, draw_null
from hpcml.plots.style import INK, canvas, styled
from hpcml.workload import Figure, Input
from hpcml.workloads.jets import calibration
from hpcml.workloads.jets.figures.labels import axis_title, format_p_value, sweep_colour
from hpcml.workloads.jets.figures.run import centre_images, run_figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.jets.calibration import SweepPoint
    from hpcml.workloads.jets.evaluation import EvaluationSettings
    from hpcml.workloads.jets.runs import Runs


def scan_figures(
    table: Input, found: Sequence[Runs], *, how: EvaluationSettings, statistic: str
) -> Iterator[Figure]:
    """The null distribution of `statistic`, one run, and centres of a merged scan with the runs `found`."""
    # one picture cannot show a sweep of everything: other parameters stay at their first value
    found = [group for group in found if group.others == found[0].others]
    points = calibration.sweep_points(found, table.array(statistic, "statistics"))
    if any(point.injected == 0 and point.resampled.size for point in points):
        yield null_distribution(points, statistic)
    yield from run_figures(table, how)
    pictures = np.asarray(table.array("value", "centre_images"))
    if pictures.size:
        jets = np.asarray(table.array("background", "counts")[0]).sum(axis=0, dtype=np.int64)
        # every combination of a sweep has a first unit: its rows say how many values one run has
        values = int(table.index("centre_images")[0, 1])
        yield centre_images(pictures[:values].reshape(len(jets), -1), jets)


@styled
def null_distribution(points: Sequence[SweepPoint], statistic: str) -> Figure:
    """Histogram of the statistic without signal, with what the data sets themselves give."""
    null = next(point for point in points if point.injected == 0).resampled
    figure = canvas(8.4, 6.0)
    axis = figure.subplots()
    marks = [
        mark
        for position, point in enumerate(points)
        for mark in _marks(point, null, sweep_colour(position, len(points)) if point.injected else INK)
    ]
    draw_null(axis, null, marks, label=f"{null.size} resamplings without signal")
    axis.set_xlabel(axis_title(statistic))
    axis.set_ylabel("resamplings per bin")
    figure.legend(loc="outside lower center", ncols=2)
    caption = (
        "The test statistic of resampled background (histogram) and of the data sets themselves "
        "(solid lines). Where no resampling reaches a line, p and Z are bounds. The null is conditional on "
        "the one data set that was resampled."
    )
    return Figure("null-distribution", caption, figure)


def _marks(point: SweepPoint, null: NDArray[np.float64], colour: Any) -> Iterator[Mark]:
    """The resamplings with signal of a sweep point, and the data set itself."""
    name = f"{point.injected} signal events" if point.injected else "background only"
    if point.injected and point.resampled.size:
        low, middle, high = quartiles(point.resampled)
        score = calibration.score(np.array([middle]), null)
        label = f"{name}, {point.resampled.size} resamplings:\nmedian and quartiles, {format_p_value(score)}"
        yield Mark(middle, label, colour, style="--", band=(low, high))
    if np.isfinite(point.original):
        score = calibration.score(np.array([point.original]), null)
        yield Mark(point.original, f"{name}, as observed:\n{format_p_value(score)}", colour, width=2.2)
