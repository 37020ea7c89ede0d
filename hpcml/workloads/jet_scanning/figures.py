"""Plots of cluster scanning: mean images, null distribution, rich against poor spectra.

What lives here: drawing of arrays that other modules computed. What does not: the computing; the
choice of a backend (figures are made without pyplot, so no display is ever needed).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.numerics.pvalues import significance
from hpcml.workload import Figure, Input
from hpcml.workloads.jet_scanning import calibration, counting, images, inputs, statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.jet_scanning.calibration import Scores, SweepPoint

MAX_IMAGES = 10_000
BACKGROUND, SIGNAL, INK = "#3b6ea5", "#c8452f", "#333333"
STYLE = {"labelsize": 12, "titlesize": 13, "legendsize": 10.5}


def event_figures(tables: Mapping[str, Input]) -> Iterator[Figure]:
    """The mean images of the last of `tables` that holds images."""
    sources = [table for table in tables.values() if inputs.has_column(table, "image", "images")]
    if sources:
        label = np.asarray(sources[-1].array("label", "images"))
        yield mean_images(sources[-1].array("image", "images"), label)


def scan_figures(tables: Mapping[str, Input], parameters: Any) -> Iterator[Figure]:
    """The null distribution and the spectra of the last of `tables` that holds a scan."""
    scans = [table for table in tables.values() if inputs.has_column(table, "mls_two_sided", "statistics")]
    if not scans:
        return
    table = scans[-1]
    rows = inputs.scan_rows(table, parameters)
    # one picture cannot show a sweep of everything: other parameters stay at their first value
    rows = [one for one in rows if one.others == rows[0].others]
    points = calibration.sweep_points(rows, np.asarray(table.array("mls_two_sided", "statistics")))
    if any(point.injected == 0 and point.resampled.size for point in points):
        yield null_distribution(points)
        if sum(point.injected > 0 and point.resampled.size > 0 for point in points) > 1:
            fit = calibration.sweep_points(rows, np.asarray(table.array("fit_mls", "statistics")))
            yield sensitivity({"cluster scanning": points, "dijet fit": fit})
    most = max(rows, key=lambda one: one.injected, default=None)
    if most is not None:
        # the data set itself where it was scanned (number -1), otherwise the first resampling
        row = most.row[np.lexsort((most.initialisation, most.resampling))[0]]
        windows = counting.mass_windows(
            parameters.evaluation_interval, parameters.window_width, steps=parameters.window_steps
        )
        yield rich_and_poor(
            np.asarray(table.array("background", "counts")[row]),
            np.asarray(table.array("signal", "counts")[row]),
            np.asarray(table.array("rich", "statistics")[row]).astype(bool),
            windows=windows,
            injected=most.injected,
        )


def mean_images(pixels: NDArray[np.float32], label: NDArray[np.uint8]) -> Figure:
    """Mean image of each jet of background and signal events; float32 (events, 2, 40, 40)."""
    from matplotlib.colors import LogNorm

    kinds = [(name, np.flatnonzero(label == value)) for name, value in (("background", 0), ("signal", 1))]
    kinds = [(name, rows[:MAX_IMAGES]) for name, rows in kinds if rows.size]
    means = [(name, len(rows), pixels[rows].mean(axis=0, dtype=np.float64)) for name, rows in kinds]
    figure = _figure(8.2, 0.6 + 3.6 * max(len(means), 1))
    axes = np.atleast_2d(figure.subplots(max(len(means), 1), 2, sharex=True, sharey=True))
    peak = max((mean.max() for _, _, mean in means), default=1.0) or 1.0
    edge = images.HALF_WIDTH
    drawn = None
    for line, (name, _, mean) in zip(axes, means, strict=False):
        for axis, picture, jet in zip(line, mean, ("leading", "second"), strict=True):
            drawn = axis.imshow(
                np.maximum(picture.T, peak * 1e-4),
                origin="lower",
                extent=(-edge, edge, -edge, edge),
                norm=LogNorm(peak * 1e-4, peak),
                cmap="magma",
            )
            axis.set_title(f"{name}, {jet} jet", fontsize=STYLE["titlesize"])
            axis.tick_params(labelsize=STYLE["legendsize"])
    for axis in axes[-1]:
        axis.set_xlabel("φ along the major axis [rad]", fontsize=STYLE["labelsize"])
    for axis in axes[:, 0]:
        axis.set_ylabel("η across it", fontsize=STYLE["labelsize"])
    sizes = " and ".join(f"{number:,} {name} events" for name, number, _ in means)
    figure.suptitle(f"mean of {sizes}", fontsize=STYLE["titlesize"])
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=axes, shrink=0.85, pad=0.02)
        bar.set_label("mean share of pT per pixel", fontsize=STYLE["labelsize"])
        bar.ax.tick_params(labelsize=STYLE["legendsize"])
    caption = (
        "Mean jet images after centring, rotation, flip and re-processing. Two-prong signal jets are "
        "stretched along the major axis."
    )
    return Figure("mean-images", caption, figure)


def null_distribution(points: Sequence[SweepPoint]) -> Figure:
    """Histogram of the statistic without signal, with what the data sets themselves give."""
    from matplotlib.ticker import LogLocator

    null = next(point for point in points if point.injected == 0)
    figure = _figure(8.4, 6.0)
    axis = figure.subplots()
    shown = [one.original for one in points if np.isfinite(one.original)]
    medians = [calibration.quantiles(one.resampled) for one in points if one.injected]
    right = max([*null.resampled, *shown, *(one[2] for one in medians)]) * 1.05
    axis.hist(
        null.resampled, bins=np.linspace(0.0, max(right, 1e-9), 41), color=BACKGROUND, alpha=0.75,
        label=f"{null.resampled.size} resamplings without signal",
    )  # fmt: skip
    for place, point in enumerate(points):
        colour = INK if point.injected == 0 else _shade(place, len(points))
        name = f"{point.injected} signal events" if point.injected else "background only"
        if point.injected and point.resampled.size:
            low, middle, high = calibration.quantiles(point.resampled)
            score = calibration.score(np.array([middle]), null.resampled)
            axis.axvspan(low, high, color=colour, alpha=0.18, lw=0)
            axis.axvline(
                middle, color=colour, lw=1.6, ls="--",
                label=f"{name}, {point.resampled.size} resamplings:\nmedian and quartiles, {_verdict(score)}",
            )  # fmt: skip
        if np.isfinite(point.original):
            score = calibration.score(np.array([point.original]), null.resampled)
            axis.axvline(
                point.original, color=colour, lw=2.2, label=f"{name}, as observed:\n{_verdict(score)}"
            )
    axis.set_yscale("log")
    axis.set_ylim(0.6, 1.6 * axis.get_ylim()[1])
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_xlim(0.0, right)
    _label(axis, "maximal local significance  max |R − B| / √B", "resamplings per bin")
    # plain numbers: most bins hold a few resamplings, powers of ten would hide that
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("")
    figure.legend(loc="outside lower center", ncols=2, fontsize=STYLE["legendsize"], frameon=False)
    caption = (
        "The test statistic of resampled background (histogram) and of the data sets themselves "
        "(solid lines). Where no resampling reaches a line, p and Z are bounds. The null is conditional on "
        "the one data set that was resampled."
    )
    return Figure("null-distribution", caption, figure)


def sensitivity(methods: Mapping[str, Sequence[SweepPoint]]) -> Figure:
    """Median significance and quartiles of each method against the number of injected events."""
    figure = _figure(7.4, 4.8)
    axis = figure.subplots()
    styles = ((SIGNAL, "o", -1.0), (BACKGROUND, "s", 1.0))
    limit, most, least = 0.0, 1, 0.0
    for (name, points), (colour, marker, side) in zip(methods.items(), styles, strict=True):
        null = next(point.resampled for point in points if point.injected == 0)
        limit = float(significance([0.0], null.size).z[0])
        filled = [one for one in points if one.injected and one.resampled.size]
        scores = [calibration.score(calibration.quantiles(one.resampled), null) for one in filled]
        most = max(one.injected for one in filled)
        # a little aside, so that error bars of two methods do not cover each other
        number = np.array([one.injected for one in filled]) + side * 0.008 * most
        z = np.array([one.z for one in scores])
        bound = np.array([one.is_bound for one in scores])[:, 1]
        least = min(least, float(z.min()))
        known = z[~bound]
        axis.errorbar(
            number[~bound], known[:, 1], np.abs(known[:, [0, 2]] - known[:, [1]]).T, fmt=marker, ms=7,
            color=colour, capsize=4, label=f"{name}: median and quartiles of resamplings",
        )  # fmt: skip
        if bound.any():
            axis.plot(number[bound], z[bound, 1], "^", ms=10, color=colour, label=f"{name}: at least this")
    axis.axhline(limit, color=INK, ls=":", lw=1.2, label=f"largest Z that {null.size} null values can show")
    _label(axis, "injected signal events", "significance Z")
    axis.set_xlim(0.0, 1.1 * most)
    axis.set_ylim(least - 0.1, limit + 0.6 * (limit - least))
    axis.legend(fontsize=STYLE["legendsize"], frameon=False, loc="upper left")
    caption = (
        "Significance of cluster scanning and of the classical fit of the inclusive spectrum, each "
        "calibrated with its own values on the same resamplings without signal."
    )
    return Figure("sensitivity", caption, figure)


def rich_and_poor(
    background: NDArray[np.uint32],
    signal: NDArray[np.uint32],
    rich: NDArray[np.bool_],
    *,
    windows: NDArray[np.float64],
    injected: int,
) -> Figure:
    """Signal-rich spectrum against the scaled poor one; counts (windows, k), rich (k,)."""
    both = background + signal
    found = statistics.contrast(both, rich, windows=windows)
    variance = np.maximum(found.background, found.scale * found.one)
    centre, half = windows.mean(axis=1), 0.5 * (windows[:, 1] - windows[:, 0])
    figure = _figure(8.0, 6.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.2))
    band = found.scale * np.sqrt(variance / found.scale)
    upper.bar(
        centre, 2 * band, 2 * half, bottom=found.background - band, color=BACKGROUND, alpha=0.35,
        label="its statistical error",
    )  # fmt: skip
    upper.hlines(
        found.background, windows[:, 0], windows[:, 1], color=BACKGROUND, lw=2,
        label=f"{int((~rich).sum())} signal-poor clusters × {found.scale:.3g}",
    )  # fmt: skip
    upper.errorbar(
        centre, found.rich, np.sqrt(found.rich), half, fmt="o", ms=5, color=INK,
        label=f"{int(rich.sum())} signal-rich clusters",
    )  # fmt: skip
    if signal.any():
        truth = statistics.overlap_factor(windows) * signal[:, rich].sum(axis=1)
        upper.bar(centre, truth, 2 * half, color=SIGNAL, alpha=0.6, label="true signal in them")
    highest = np.maximum(found.rich + np.sqrt(found.rich), found.background).max(initial=1.0)
    upper.set_ylim(0.0, 1.45 * float(highest))
    upper.set_ylabel("jets per window", fontsize=STYLE["labelsize"])
    upper.legend(fontsize=STYLE["legendsize"], frameon=False, ncols=2, loc="upper right")
    upper.tick_params(labelsize=STYLE["legendsize"])
    title = f"{injected} signal events injected" if injected else "no signal injected"
    upper.set_title(title, fontsize=STYLE["titlesize"])
    lower.axhline(0.0, color=BACKGROUND, lw=1)
    lower.bar(centre, (found.rich - found.background) / np.sqrt(variance), 1.8 * half, color=INK, alpha=0.75)
    lower.set_ylabel("(R − B) / √B", fontsize=STYLE["labelsize"])
    _label(lower, "dijet mass $m_{jj}$ [GeV]", "(R − B) / √B")
    caption = (
        "Mass spectrum of the clusters labelled signal-rich (R, points) and background estimate from all "
        "others, scaled to the same sum (B, lines). The largest deviation is the test statistic."
    )
    return Figure("rich-and-poor-spectra", caption, figure)


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure as Canvas

    return Canvas(figsize=(width, height), layout="constrained")


def _label(axis: Any, x: str, y: str) -> None:
    axis.set_xlabel(x, fontsize=STYLE["labelsize"])
    axis.set_ylabel(y, fontsize=STYLE["labelsize"])
    axis.tick_params(labelsize=STYLE["legendsize"])


def _shade(place: int, number: int) -> Any:
    """A colour for sweep point `place`: from orange to dark red."""
    from matplotlib import colormaps

    return colormaps["YlOrRd"](0.5 + 0.45 * place / max(number - 1, 1))


def _verdict(score: Scores) -> str:
    """p and Z as text; as bounds where the null is too small to tell."""
    p, z, bound = score.p[0], score.z[0], score.is_bound[0]
    if bound and z > 0:
        return f"p < {_from_z(z):.2g}, Z > {z:.2f}"
    if bound:
        return f"p > {1.0 - _from_z(-z):.2g}, Z < {z:.2f}"
    return f"p = {p:.2g}, Z = {z:.2f}"


def _from_z(z: float) -> float:
    from statistics import NormalDist

    return 1.0 - NormalDist().cdf(z)
