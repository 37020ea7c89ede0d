"""Plots of prepared bricks: base-tracks on each film, where showers start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hpcml.plots.style import BACKGROUND, INK, SIGNAL, canvas, styled
from hpcml.workload import Figure, Input

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCES = ((0, "simulation", SIGNAL), (1, "background", BACKGROUND), (2, "data", INK))
START_BINS = 19


def brick_figures(table: Input) -> Iterator[Figure]:
    """The figures of a merged emulsion.prepare."""
    tracks = table.index("tracks").astype(np.int64)
    starters = table.index("starters").astype(np.int64)
    plate, source = table.columns("tracks", "plate", "source")
    (starter_rows,) = table.columns("starters", "row")
    films, depth = 0, []
    for (first, count), (begin, number) in zip(tracks.tolist(), starters.tolist(), strict=True):
        own = plate[first : first + count]
        top = int(own.max(initial=0))
        films = max(films, top + 1)
        row = starter_rows[begin : begin + number]
        depth.append(top - own[row[row >= 0]])
    yield film_counts(plate, source, films)
    yield starting_films(np.concatenate(depth))


@styled
def film_counts(plate: NDArray[np.integer], source: NDArray[np.integer], films: int) -> Figure:
    """Base-tracks on each plate, by source."""
    figure = canvas(6.8, 4.4)
    axis = figure.subplots()
    edges = np.arange(films + 1) - 0.5
    shown = []
    for number, title, colour in SOURCES:
        counts = np.bincount(plate[source == number], minlength=films)
        if counts.any():
            axis.stairs(counts, edges, color=colour, label=title)
            shown.append(counts[counts > 0])
    every = np.concatenate(shown)
    if every.max() > 30 * every.min():
        axis.set_yscale("log")
    else:
        axis.set_ylim(0.0, 1.2 * float(every.max()))
    axis.invert_xaxis()
    axis.set_xlabel("plate (the beam enters at the left)")
    axis.set_ylabel("base-tracks")
    axis.legend()
    return Figure("films", "Base-tracks on each film of all bricks.", figure)


@styled
def starting_films(depth: NDArray[np.integer]) -> Figure:
    """Films from where the beam enters to the injector, 19 bins; the last holds all beyond."""
    figure = canvas(6.4, 4.4)
    axis = figure.subplots()
    axis.hist(
        np.minimum(depth, START_BINS - 1), bins=np.arange(START_BINS + 1) - 0.5, color=SIGNAL, alpha=0.8
    )
    axis.set_xlabel("films between the first one and the injector")
    axis.set_ylabel("showers")
    return Figure("starters", f"Where the {len(depth)} showers start; the last bin holds all beyond.", figure)
