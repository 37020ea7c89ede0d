"""Displays of single showers: their segments and the growing rectangle, from the side and from above."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import UsageError
from hpcml.plots.style import BACKGROUND, INK, SIGNAL, canvas, styled
from hpcml.workload import Figure, Input

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]

DISPLAYS = 3
PLACES = ("x", "y", "z", "depth_films")
INJECTOR = ("brick", "x", "y", "z", "tx", "ty", "slope", "intercept")


def shower_displays(
    showers: Input, sizes: Columns, predicted: NDArray[np.integer], wanted: Sequence[int]
) -> Iterator[Figure]:
    """Displays of the showers with the numbers `wanted`, or of the three largest. UsageError for a number
    that is not there."""
    shown = np.flatnonzero(np.isin(sizes["shower"], wanted))
    if missing := sorted(set(wanted) - set(sizes["shower"].tolist())):
        raise UsageError(f"displays: there is no shower {missing[0]}", "name showers of the table `sizes`")
    if not wanted:
        shown = np.argsort(-sizes["size"].astype(np.int64), kind="stable")[:DISPLAYS]
    places = dict(zip(PLACES, showers.columns("candidates", *PLACES), strict=True))
    injectors = dict(zip(INJECTOR, showers.columns("showers", *INJECTOR), strict=True))
    index = showers.index("candidates").astype(np.int64)
    index = index[showers.index("showers")[:, 1] > 0]
    for shower in shown.tolist():
        first, count = index[shower].tolist()
        rows = slice(first, first + count)
        own = {name: column[rows] for name, column in places.items()}
        seed = {name: float(column[shower]) for name, column in injectors.items()}
        yield display(int(sizes["shower"][shower]), own, predicted[rows], seed)


@styled
def display(
    shower: int,
    segments: Columns,
    predicted: NDArray[np.integer],
    injector: Mapping[str, float],
) -> Figure:
    """One shower from the side and from above, with the growing rectangle about the injector's line."""
    figure = canvas(9.6, 4.4)
    for axis, name in zip(figure.subplots(1, 2), ("x", "y"), strict=True):
        depth = (segments["z"] - injector["z"]) / 1000.0
        place = (segments[name] - injector[name]) / 1000.0
        for chosen, colour, title in ((0, BACKGROUND, "background"), (1, SIGNAL, "signal")):
            own = predicted == chosen
            axis.scatter(
                depth[own], place[own], s=12, color=colour, alpha=0.7, lw=0, label=f"predicted {title}"
            )
        reach = np.array([0.0, max(float(depth.max(initial=1.0)), 1.0)])
        line = injector[f"t{name}"] * reach
        films = reach * _films_per_mm(depth, segments["depth_films"])
        half = 0.001 * (injector["slope"] * films + injector["intercept"]) / 2
        axis.plot(reach, line, color=INK, lw=1, label="injector")
        for side in (-1, 1):
            axis.plot(reach, line + side * half, color=INK, lw=0.8, ls=":")
        axis.set_xlabel("depth z [mm]")
        axis.set_ylabel(f"{name} [mm]")
    figure.axes[0].legend(loc="upper left")
    figure.suptitle(f"shower {shower}: {int((predicted == 1).sum())} segments predicted to be signal")
    caption = f"Shower {shower}, x and y against depth. Dotted: the growing rectangle that is searched."
    return Figure(f"display-{int(injector['brick'])}-{shower}", caption, figure)


def _films_per_mm(depth: NDArray[np.floating], films: NDArray[np.integer]) -> float:
    """Films per mm of depth, from the last segment to the injector."""
    last = int(np.argmax(depth)) if len(depth) else -1
    return float(films[last] / depth[last]) if last >= 0 and depth[last] > 0 else 1.0 / 1.315
