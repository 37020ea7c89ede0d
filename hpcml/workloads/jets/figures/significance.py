"""Plots of significances: null distributions, Z against injected events, ratio to the fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.numerics.intervals import quartiles
from hpcml.numerics.pvalues import significance
from hpcml.plots.axes import log_counts
from hpcml.plots.distributions import Mark, draw_null
from hpcml.plots.style import BACKGROUND, INK, SIGNAL, canvas, styled
from hpcml.workload import Figure
from hpcml.workloads.jets.figures.labels import axis_title, sweep_colour

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]

METHODS = (("scan", SIGNAL, "cluster scanning"), ("fit", BACKGROUND, "dijet fit"))


def significance_figures(points: Columns, samples: Columns, crossings: Columns) -> Iterator[Figure]:
    """For each statistic: its null distribution, and Z against injected events where there are any.

    The arguments are the columns of the tables of `jets.significance`.
    """
    for statistic in dict.fromkeys(points["statistic"].tolist()):
        name = statistic.decode()
        own_points, own_samples, own_crossings = (
            {key: column[columns["statistic"] == statistic] for key, column in columns.items()}
            for columns in (points, samples, crossings)
        )
        yield null_distribution(own_samples, name)
        if (own_points["injected"] > 0).any():
            yield sensitivity(own_points, own_crossings, name)


@styled
def null_distribution(samples: Columns, name: str) -> Figure:
    """The null distribution in 40 bins, with median and quartiles of each number of injected events."""
    scan = (samples["method"] == b"scan") & (samples["resampling"] >= 0)
    value, injected = samples["value"][scan], samples["injected"][scan]
    null = value[injected == 0]
    numbers = [number for number in np.unique(injected).tolist() if number]
    marks = []
    for position, number in enumerate(numbers):
        low, middle, high = quartiles(value[injected == number])
        label = f"{number:,} signal events: median, quartiles"
        marks.append(Mark(middle, label, sweep_colour(position, len(numbers)), band=(low, high)))
    figure = canvas(8.4, 5.6)
    axis = figure.subplots()
    draw_null(axis, null, marks, label=f"{null.size} resamplings without signal")
    axis.set_xlabel(axis_title(name))
    axis.set_ylabel("resamplings per bin")
    axis.legend(loc="upper right", frameon=True, framealpha=0.85, edgecolor="none")
    caption = (
        f"The test statistic {name} of resampled background (histogram), and where it lies with injected "
        "signal (lines: medians, bands: quartiles over resamplings)."
    )
    return Figure(f"null-distribution-{name}", caption, figure)


@styled
def sensitivity(points: Columns, crossings: Columns, name: str) -> Figure:
    """Median Z with its quartiles against injected events, scan and fit, and the ratio of both."""
    curves = {
        method: _curve({key: column[points["method"] == method.encode()] for key, column in points.items()})
        for method, _, _ in METHODS
        if (points["method"] == method.encode()).any()
    }
    both = "fit" in curves and np.intersect1d(curves["scan"]["injected"], curves["fit"]["injected"]).size > 0
    figure = canvas(7.6, 6.8 if both else 5.2)
    axes = np.atleast_1d(figure.subplots(1 + both, 1, sharex=True, height_ratios=(3, 1.2)[: 1 + both]))
    for method, colour, title in METHODS:
        if method not in curves:
            continue
        curve = curves[method]
        _draw_curve(axes[0], curve, colour, title)
        limit = float(significance([0.0], int(curve["null_size"].max())).z[0])
        axes[0].axhline(
            limit, color=colour, ls=":", lw=1, label=f"largest Z that its null can show: {limit:.2f}"
        )
        crossed = (crossings["method"] == method.encode()) & (crossings["is_reached"] == 1)
        if crossed.any():
            events, level = float(crossings["events"][crossed][0]), float(crossings["z"][crossed][0])
            axes[0].plot([events], [level], "*", ms=13, color=colour, mec=INK, mew=0.6,
                         label=f"Z = {level:g} at {events:,.0f} events")  # fmt: skip
    axes[0].set_ylabel("significance Z")
    log_counts(axes[-1].xaxis)
    axes[0].legend(loc="upper left")
    low, high = axes[0].get_ylim()
    # room for the legend above the curves
    axes[0].set_ylim(low, high + 0.55 * (high - low))
    if both:
        _draw_ratio(axes[1], curves["scan"], curves["fit"])
    first, last = (end(points["injected"][points["injected"] > 0]) for end in (np.min, np.max))
    axes[-1].set_xlim(0.9 * first, 1.1 * last)
    axes[-1].set_xlabel("injected signal events")
    caption = (
        f"Median significance of {name} (bands: quartiles over resamplings) against the number of injected "
        "events, each method calibrated with its own null. Triangles are lower bounds: no value of the null "
        "is as large."
    )
    return Figure(f"sensitivity-{name}", caption, figure)


def _curve(points: Columns) -> dict[str, NDArray[Any]]:
    filled = points["injected"] > 0
    return {key: column[filled] for key, column in points.items()}


def _draw_curve(axis: Any, curve: Columns, colour: str, title: str) -> None:
    events, z, bound = curve["injected"], curve["z"], curve["z_is_bound"][:, 1].astype(bool)
    axis.fill_between(events, z[:, 0], z[:, 2], color=colour, alpha=0.2, lw=0)
    axis.plot(events, z[:, 1], "-", color=colour, label=f"{title}: median and quartiles")
    axis.plot(events[~bound], z[~bound, 1], "o", ms=5, color=colour)
    axis.plot(events[bound], z[bound, 1], "^", ms=8, color=colour)


def _draw_ratio(axis: Any, scan: Columns, fit: Columns) -> None:
    _, left, right = np.intersect1d(scan["injected"], fit["injected"], return_indices=True)
    top, bottom = scan["z"][left, 1], fit["z"][right, 1]
    # a ratio to no significance at all, or to a bound, says nothing
    known = (bottom > 0.1) & (fit["z_is_bound"][right, 1] == 0)
    events = scan["injected"][left][known]
    bound = scan["z_is_bound"][left, 1].astype(bool)[known]
    ratio = top[known] / bottom[known]
    axis.axhline(1.0, color=INK, lw=0.8)
    axis.plot(events, ratio, "-", color=INK)
    axis.plot(events[~bound], ratio[~bound], "o", ms=5, color=INK)
    axis.plot(events[bound], ratio[bound], "^", ms=8, color=INK)
    axis.set_ylabel("Z ratio")
    axis.set_ylim(0.0, None)
