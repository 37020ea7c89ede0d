"""Plots of a scan: null distribution, sensitivity, and what the statistic saw in one run.

Drawing of arrays that other modules computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.plots.style import BACKGROUND, INK, canvas, styled
from hpcml.workload import Figure, Input
from hpcml.workloads.jets import calibration, runs
from hpcml.workloads.jets.figures.colours import format_p_value, sweep_colour
from hpcml.workloads.jets.figures.run import centre_images, cluster_spectra, rich_and_poor

if TYPE_CHECKING:
    from hpcml.workloads.jets.calibration import SweepPoint
    from hpcml.workloads.jets.evaluation import EvaluationSettings


def scan_figures(tables: Mapping[str, Input], parameters: Any) -> Iterator[Figure]:
    """The null distribution and one run of the last of `tables` that holds a scan."""
    scans = [table for table in tables.values() if runs.has_column(table, "inertia", "training")]
    if not scans:
        return
    table = scans[-1]
    found = runs.runs_of(table, [one.name for one in fields(parameters)])
    # one picture cannot show a sweep of everything: other parameters stay at their first value
    found = [one for one in found if one.others == found[0].others]
    points = calibration.sweep_points(found, np.asarray(table.array("mls_two_sided", "statistics")))
    if any(point.injected == 0 and point.resampled.size for point in points):
        yield null_distribution(points)
    yield from run_figures(table, parameters.evaluation)
    pictures = np.asarray(table.array("value", "centre_images"))
    if pictures.size:
        jets = np.asarray(table.array("background", "counts")[0]).sum(axis=0, dtype=np.int64)
        # every combination of a sweep has a first unit: its rows say how many values one run has
        values = int(table.index("centre_images")[0, 1])
        yield centre_images(pictures[:values].reshape(len(jets), -1), jets)


def run_figures(table: Input, how: EvaluationSettings) -> Iterator[Figure]:
    """What the statistic saw in one run with most signal: of the data set itself where it was scanned
    (number -1), otherwise of the first resampling."""
    injected = np.asarray(table.array("injected", "statistics")).astype(np.int64)
    if injected.size == 0:
        return
    resampling = np.asarray(table.array("resampling", "statistics"))
    initialisation = np.asarray(table.array("initialisation", "statistics"))
    row = np.lexsort((initialisation, resampling, -injected))[0]
    background = np.asarray(table.array("background", "counts")[row])
    signal = np.asarray(table.array("signal", "counts")[row])
    windows = np.asarray(table.array("window", "counts")[row])
    rich = np.asarray(table.array("rich", "statistics")[row]).astype(bool)
    yield cluster_spectra(background + signal, rich, windows=windows, how=how)
    yield rich_and_poor(background, signal, rich, windows=windows, injected=int(injected[row]))


@styled
def null_distribution(points: Sequence[SweepPoint]) -> Figure:
    """Histogram of the statistic without signal, with what the data sets themselves give."""
    from matplotlib.ticker import LogLocator

    null = next(point for point in points if point.injected == 0)
    figure = canvas(8.4, 6.0)
    axis = figure.subplots()
    shown = [one.original for one in points if np.isfinite(one.original)]
    medians = [calibration.quantiles(one.resampled) for one in points if one.injected and one.resampled.size]
    right = max([*null.resampled, *shown, *(one[2] for one in medians)]) * 1.05
    axis.hist(
        null.resampled, bins=np.linspace(0.0, max(right, 1e-9), 41), color=BACKGROUND, alpha=0.75,
        label=f"{null.resampled.size} resamplings without signal",
    )  # fmt: skip
    for place, point in enumerate(points):
        colour = INK if point.injected == 0 else sweep_colour(place, len(points))
        name = f"{point.injected} signal events" if point.injected else "background only"
        if point.injected and point.resampled.size:
            low, middle, high = calibration.quantiles(point.resampled)
            score = calibration.score(np.array([middle]), null.resampled)
            axis.axvspan(low, high, color=colour, alpha=0.18, lw=0)
            axis.axvline(
                middle, color=colour, ls="--",
                label=f"{name}, {point.resampled.size} resamplings:\nmedian and quartiles,"
                f" {format_p_value(score)}",
            )  # fmt: skip
        if np.isfinite(point.original):
            score = calibration.score(np.array([point.original]), null.resampled)
            axis.axvline(
                point.original, color=colour, lw=2.2, label=f"{name}, as observed:\n{format_p_value(score)}"
            )
    axis.set_yscale("log")
    axis.set_ylim(0.6, 1.6 * axis.get_ylim()[1])
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_xlim(0.0, right)
    axis.set_xlabel("maximal local significance  max |R − B| / √B")
    axis.set_ylabel("resamplings per bin")
    # plain numbers: most bins hold a few resamplings, powers of ten would hide that
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("")
    figure.legend(loc="outside lower center", ncols=2)
    caption = (
        "The test statistic of resampled background (histogram) and of the data sets themselves "
        "(solid lines). Where no resampling reaches a line, p and Z are bounds. The null is conditional on "
        "the one data set that was resampled."
    )
    return Figure("null-distribution", caption, figure)
