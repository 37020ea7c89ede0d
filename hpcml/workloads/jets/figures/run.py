"""Plots of one run of a scan: spectra before and after standardisation, rich against poor, centres."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hpcml.plots.style import BACKGROUND, INK, SIGNAL, canvas, styled
from hpcml.workload import Figure, Input
from hpcml.workloads.jets import labelling, spectra, statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.jets.evaluation import EvaluationSettings

PER_LINE = 10


def run_figures(table: Input, how: EvaluationSettings) -> Iterator[Figure]:
    """What the statistic saw in one run with most signal: of the data set itself where it was scanned
    (number -1), otherwise of the first resampling."""
    injected, resampling, initialisation = table.columns(
        "statistics", "injected", "resampling", "initialisation"
    )
    if injected.size == 0:
        return
    row = np.lexsort((initialisation, resampling, -injected.astype(np.int64)))[0]
    background, signal, windows = (
        column[row] for column in table.columns("counts", "background", "signal", "window")
    )
    rich = np.asarray(table.array("rich", "statistics")[row]).astype(bool)
    yield cluster_spectra(background + signal, rich, windows=windows, how=how)
    yield rich_and_poor(background, signal, rich, windows=windows, injected=int(injected[row]))


@styled
def cluster_spectra(
    counts: NDArray[np.uint32],
    rich: NDArray[np.bool_],
    *,
    windows: NDArray[np.float64],
    how: EvaluationSettings,
) -> Figure:
    """The spectra of all clusters, and the deviations that label them; counts (windows, k), rich (k,)."""
    centre = windows.mean(axis=1)
    method = how.labelling if how.labelling in ("maxdev", "maxdev_fit") else "maxdev"
    panels = (
        (spectra.shares(counts), "share of the cluster's jets"),
        (labelling.deviations(counts, windows, method=method), "robust deviation z"),
    )
    figure = canvas(8.0, 7.4)
    axes = figure.subplots(2, 1, sharex=True)
    for axis, (values, label) in zip(axes, panels, strict=True):
        for cluster in np.flatnonzero(~rich):
            axis.plot(centre, values[:, cluster], color=BACKGROUND, lw=0.8, alpha=0.6)
        for cluster in np.flatnonzero(rich):
            axis.plot(centre, values[:, cluster], color=SIGNAL, lw=1.5, alpha=0.9)
        axis.set_ylabel(label)
    axes[0].plot([], [], color=BACKGROUND, lw=0.8, label=f"{int((~rich).sum())} signal-poor clusters")
    axes[0].plot([], [], color=SIGNAL, lw=1.5, label=f"{int(rich.sum())} signal-rich clusters")
    axes[0].plot(centre, spectra.inclusive_shares(counts), color=INK, lw=2, ls="--", label="all clusters")
    axes[0].legend()
    if how.labelling == method:
        axes[1].axhline(how.threshold, color=INK, ls=":", label=f"rich above {how.threshold:g}")
        axes[1].legend()
    axes[1].set_xlabel("dijet mass $m_{jj}$ [GeV]")
    caption = (
        "Mass spectra of all clusters with unit sum, and how far each share lies from those of the other "
        "clusters in the same window. A cluster above the dotted line anywhere is signal-rich."
    )
    return Figure("cluster-spectra", caption, figure)


@styled
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
    found = statistics.rich_and_background_spectra(both, rich, windows=windows)
    variance = found.variance()
    centre, half = windows.mean(axis=1), 0.5 * (windows[:, 1] - windows[:, 0])
    figure = canvas(8.0, 6.2)
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
    upper.set_ylabel("jets per window")
    upper.legend(ncols=2, loc="upper right")
    title = f"{injected} signal events injected" if injected else "no signal injected"
    upper.set_title(title)
    lower.axhline(0.0, color=BACKGROUND, lw=1)
    lower.bar(centre, (found.rich - found.background) / np.sqrt(variance), 1.8 * half, color=INK, alpha=0.75)
    lower.set_ylabel("(R − B) / √B")
    lower.set_xlabel("dijet mass $m_{jj}$ [GeV]")
    caption = (
        "Mass spectrum of the clusters labelled signal-rich (R, points) and background estimate from all "
        "others, scaled to the same sum (B, lines). The largest deviation is the test statistic."
    )
    return Figure("rich-and-poor-spectra", caption, figure)


@styled
def centre_images(pixels: NDArray[np.float32], jets: NDArray[np.int64]) -> Figure:
    """Centres as images, the most populated cluster first; pixels (k, pixels), jets (k,)."""
    from matplotlib.colors import PowerNorm

    order = np.argsort(-jets, kind="stable")
    size = round(pixels.shape[1] ** 0.5)
    lines = -(-len(order) // PER_LINE)
    figure = canvas(9.0, 0.5 + 0.98 * lines)
    axes = np.atleast_1d(figure.subplots(lines, PER_LINE)).ravel()
    norm = PowerNorm(0.5, 0.0, float(pixels.max()))
    for axis, cluster in zip(axes, order, strict=False):
        picture = np.maximum(pixels[cluster].reshape(size, size).T, 0.0)
        axis.imshow(picture, origin="lower", norm=norm, cmap="magma")
        axis.set_title(f"{int(jets[cluster]):,}", fontsize=8, pad=2)
    for axis in axes:
        axis.set_axis_off()
    caption = (
        "The centres of k-means as jet images (square-root colours), each with the number of background "
        "jets in its cluster, largest first."
    )
    return Figure("centre-images", caption, figure)
