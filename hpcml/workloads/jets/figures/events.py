"""Plots of events: mean images of background and signal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hpcml.plots.style import canvas, styled
from hpcml.workload import Figure, Input

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_IMAGES = 10_000
KINDS = (("background", 0), ("signal", 1), ("unlabelled", 255))


def event_figures(table: Input, *, half_width: float) -> Iterator[Figure]:
    """The mean images of a step of images that reach `half_width` rad from the centre."""
    pixels, label = table.columns("images", "image", "label")
    yield mean_images(pixels, label, half_width=half_width)


@styled
def mean_images(pixels: NDArray[np.float32], label: NDArray[np.uint8], *, half_width: float) -> Figure:
    """Mean image of each jet of background and signal events; pixels float32 (events, 2, size, size), label
    (events,), half_width in rad."""
    from matplotlib.colors import LogNorm

    kinds = [(name, np.flatnonzero(label == value)) for name, value in KINDS]
    kinds = [(name, rows[:MAX_IMAGES]) for name, rows in kinds if rows.size]
    means = [(name, len(rows), pixels[rows].mean(axis=0, dtype=np.float64)) for name, rows in kinds]
    figure = canvas(8.2, 0.6 + 3.6 * max(len(means), 1))
    axes = np.atleast_2d(figure.subplots(max(len(means), 1), 2, sharex=True, sharey=True))
    peak = max((mean.max() for _, _, mean in means), default=1.0) or 1.0
    drawn = None
    for line, (name, _, mean) in zip(axes, means, strict=False):
        for axis, picture, jet in zip(line, mean, ("leading", "second"), strict=True):
            drawn = axis.imshow(
                np.maximum(picture.T, peak * 1e-4),
                origin="lower",
                extent=(-half_width, half_width, -half_width, half_width),
                norm=LogNorm(peak * 1e-4, peak),
                cmap="magma",
            )
            axis.set_title(f"{name}, {jet} jet")
    for axis in axes[-1]:
        axis.set_xlabel("φ along the major axis [rad]")
    for axis in axes[:, 0]:
        axis.set_ylabel("η across it")
    sizes = " and ".join(f"{number:,} {name} events" for name, number, _ in means)
    figure.suptitle(f"mean of {sizes}")
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=axes, shrink=0.85, pad=0.02)
        bar.set_label("mean share of pT per pixel")
    caption = (
        "Mean jet images after centring, rotation, flip and re-processing. Two-prong signal jets are "
        "stretched along the major axis."
    )
    return Figure("mean-images", caption, figure)
