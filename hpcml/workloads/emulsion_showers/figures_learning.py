"""Plots of classified showers: confusion, counts, features, sizes, and displays of single showers.

What lives here: drawing of tables. What does not: their computation; energies (figures_energy.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import UsageError
from hpcml.workload import Figure, Input
from hpcml.workloads.style import BACKGROUND, INK, SIGNAL, canvas, styled

if TYPE_CHECKING:
    from numpy.typing import NDArray

COUNTS = (
    ("true_positive", "signal found", 5), ("false_positive", "background taken for signal", 5),
    ("false_negative", "signal missed", 5), ("true_negative", "background known as such", 500),
)  # fmt: skip
DISPLAYS = 3
# name, label, range of the axis or None for all values
FEATURES = (
    ("dtheta", "angle above the injector's [rad]", None),
    ("cone_tan", "tangent of the cone angle", None),
    ("ip_over_dz", "impact parameter / distance", None),
    ("link_dty", "slope difference in y to its predecessor", (-0.22, 0.22)),
)


def learning_figures(tables: Mapping[str, Input]) -> Iterator[Figure]:
    """Of the last applied forest among `tables`, with the showers before it where they are in this
    campaign."""
    applied = list(tables.values())[-1]
    sizes = {one: np.asarray(applied.array(one, "sizes")) for one in SIZE_COLUMNS}
    predictions = {
        one: np.asarray(applied.array(one, "predictions"))
        for one in ("shower", "signal", "predicted", "trained")
    }
    if predictions["signal"].any():
        fresh = predictions["trained"] == 0
        yield confusion(predictions["signal"][fresh], predictions["predicted"][fresh])
        yield shower_counts(sizes)
    yield shower_sizes(sizes)
    showers = [table for table in tables.values() if _holds(table)]
    if showers and len(showers[-1].array("shower", "candidates")) == len(predictions["shower"]):
        candidates = {
            one: np.asarray(showers[-1].array(one, "candidates"))
            for one in ("x", "y", "z", *(f[0] for f in FEATURES))
        }
        yield features(candidates, predictions["predicted"])
        injectors = {
            one: np.asarray(showers[-1].array(one, "showers")) for one in ("x", "y", "z", "tx", "ty")
        }
        count = showers[-1].index("candidates")[:, 1].astype(np.int64)
        largest = np.argsort(-sizes["size"].astype(np.int64), kind="stable")[:DISPLAYS]
        for shower in largest.tolist():
            rows = slice(int(count[:shower].sum()), int(count[: shower + 1].sum()))
            own = {one: candidates[one][rows] for one in ("x", "y", "z")}
            seed = {one: float(column[shower]) for one, column in injectors.items()}
            yield display(int(sizes["shower"][shower]), own, predictions["predicted"][rows], seed)


SIZE_COLUMNS = ("shower", "size", "theta", "trained", *(name for name, _, _ in COUNTS))


def _holds(table: Input) -> bool:
    try:
        table.array("link_angle", "candidates")
    except UsageError:
        return False
    return True


@styled
def confusion(signal: NDArray[np.integer], predicted: NDArray[np.integer]) -> Figure:
    """Truth against prediction, rows of showers that were not trained on."""
    counts = np.array([[int(((signal == t) & (predicted == p)).sum()) for p in (0, 1)] for t in (0, 1)])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = canvas(5.0, 4.4)
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    for truth in (0, 1):
        for guess in (0, 1):
            text = f"{counts[truth, guess]:,}\n{shares[truth, guess]:.1%}"
            colour = "white" if shares[truth, guess] > 0.5 else INK
            axis.text(guess, truth, text, ha="center", va="center", color=colour)
    axis.set_xticks((0, 1), ("background", "signal"))
    axis.set_yticks((0, 1), ("background", "signal"))
    axis.tick_params(which="both", length=0)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    return Figure(
        "confusion",
        "Segments of showers that the forest was not trained on: truth against prediction.",
        figure,
    )


@styled
def shower_counts(sizes: Mapping[str, NDArray[Any]]) -> Figure:
    """Histograms of the four counts of a shower, 17 bins each."""
    figure = canvas(9.0, 6.4)
    for axis, (name, title, beyond) in zip(figure.subplots(2, 2).ravel(), COUNTS, strict=True):
        values = sizes[name].astype(np.float64)
        axis.hist(
            values, bins=np.linspace(values.min(), values.max() + beyond, 18), color=BACKGROUND, alpha=0.8
        )
        axis.set_title(title)
        axis.set_xlabel("segments of a shower")
        axis.set_ylabel("showers")
    return Figure("shower-counts", "How many segments of each kind showers have.", figure)


@styled
def shower_sizes(sizes: Mapping[str, NDArray[Any]]) -> Figure:
    """Sizes of showers, and against the angle of their injector."""
    figure = canvas(9.6, 4.2)
    left, right = figure.subplots(1, 2)
    left.hist(np.clip(sizes["size"], 0, 199.9), bins=np.linspace(0, 200, 21), color=BACKGROUND, alpha=0.8)
    left.set_xlabel("segments predicted to be signal")
    left.set_ylabel("showers")
    edges = (np.linspace(0.0, 0.2, 21), np.linspace(0.0, 200.0, 21))
    counts = right.hist2d(sizes["theta"], np.clip(sizes["size"], 0, 199.9), bins=edges, cmap="Blues")[3]
    right.set_xticks((0.0, 0.05, 0.1, 0.15, 0.2))
    right.set_xlabel("angle of the injector [rad]")
    right.set_ylabel("segments")
    figure.colorbar(counts, ax=right, label="showers")
    return Figure(
        "shower-sizes", "Sizes of showers (the last bin holds all above 200), and with their angle.", figure
    )


@styled
def features(candidates: Mapping[str, NDArray[Any]], predicted: NDArray[np.integer]) -> Figure:
    """Distributions of four features, of segments that are predicted to be signal and of others, of unit
    area."""
    figure = canvas(9.0, 6.4)
    for axis, (name, label, wanted) in zip(figure.subplots(2, 2).ravel(), FEATURES, strict=True):
        values = candidates[name]
        low, high = wanted or (float(values.min(initial=0.0)), float(values.max(initial=0.0)) + 0.1)
        edges = np.linspace(low, high, 101 if wanted else 51)
        for chosen, colour, title in ((0, BACKGROUND, "background"), (1, SIGNAL, "signal")):
            own = values[predicted == chosen]
            if own.size:
                axis.hist(
                    own, bins=edges, density=True, histtype="step", color=colour, label=f"predicted {title}"
                )
        if wanted:
            axis.set_xticks((-0.2, -0.1, 0.0, 0.1, 0.2))
        axis.set_xlabel(label)
        axis.set_ylabel("density")
    figure.axes[0].legend()
    return Figure("features", "Features of linked segments, distributions of unit area.", figure)


@styled
def display(
    shower: int,
    segments: Mapping[str, NDArray[Any]],
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
        pitch = _pitch(segments["z"])
        # half of 140 um a film and 500 um
        half = 0.001 * (140.0 * reach * 1000.0 / pitch + 500.0) / 2
        axis.plot(reach, line, color=INK, lw=1, label="injector")
        for side in (-1, 1):
            axis.plot(reach, line + side * half, color=INK, lw=0.8, ls=":")
        axis.set_xlabel("depth z [mm]")
        axis.set_ylabel(f"{name} [mm]")
    figure.axes[0].legend(loc="upper left")
    figure.suptitle(f"shower {shower}: {int((predicted == 1).sum())} segments predicted to be signal")
    caption = f"Shower {shower}, x and y against depth. Dotted: the growing rectangle that is searched."
    return Figure(f"display-{shower}", caption, figure)


def _pitch(z: NDArray[np.floating]) -> float:
    """Distance of neighbouring films in um, as most of them have it."""
    steps: Sequence[float] = np.diff(np.unique(z)).tolist()
    return float(np.median(steps)) if steps else 1315.0
