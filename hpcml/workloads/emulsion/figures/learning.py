"""Plots of classified showers: confusion, counts, features, sizes, and displays of single showers.

Drawing of tables.
"""

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

COUNTS = (
    ("true_positive", "signal found", 5), ("false_positive", "background taken for signal", 5),
    ("false_negative", "signal missed", 5), ("true_negative", "background known as such", 500),
)  # fmt: skip
DISPLAYS = 3
SIGNAL_FEATURES = (("ip_over_dz", 0.3, 30), ("cone_tan", 0.04, 40))
# name, label, range of the axis or None for all values
FEATURES = (
    ("dtheta", "angle above the injector's [rad]", None),
    ("cone_tan", "tangent of the cone angle", None),
    ("ip_over_dz", "impact parameter / distance", None),
    ("link_dty", "slope difference in y to its predecessor", (-0.22, 0.22)),
)


def learning_figures(tables: Mapping[str, Input], *, displays: Sequence[int] = ()) -> Iterator[Figure]:
    """Of the last applied forest among `tables`; with the showers before it where they are in this campaign,
    displays of those numbers, or of the largest."""
    applied = list(tables.values())[-1]
    sizes = {one: np.asarray(applied.array(one, "sizes")) for one in SIZE_COLUMNS}
    predictions = {one: np.asarray(applied.array(one, "predictions")) for one in PREDICTION_COLUMNS}
    if predictions["signal"].any():
        fresh = predictions["trained"] == 0
        yield confusion(predictions["signal"][fresh], predictions["predicted"][fresh])
        yield shower_counts(sizes)
    yield shower_sizes(sizes)
    yield features(predictions)
    yield signal_features(predictions)
    showers = [table for table in tables.values() if _holds(table)]
    if showers and len(showers[-1].array("shower", "candidates")) == len(predictions["shower"]):
        yield from _displays(showers[-1], sizes, predictions["predicted"], displays)


def _displays(
    showers: Input, sizes: Columns, predicted: NDArray[np.integer], wanted: Sequence[int]
) -> Iterator[Figure]:
    shown = np.flatnonzero(np.isin(sizes["shower"], wanted))
    if missing := sorted(set(wanted) - set(sizes["shower"].tolist())):
        raise UsageError(f"displays: there is no shower {missing[0]}", "name showers of the table `sizes`")
    if not wanted:
        shown = np.argsort(-sizes["size"].astype(np.int64), kind="stable")[:DISPLAYS]
    places = {one: np.asarray(showers.array(one, "candidates")) for one in ("x", "y", "z", "depth_films")}
    injectors = {
        one: np.asarray(showers.array(one, "showers"))
        for one in ("brick", "x", "y", "z", "tx", "ty", "slope", "intercept")
    }
    index = showers.index("candidates").astype(np.int64)
    index = index[showers.index("showers")[:, 1] > 0]
    for shower in shown.tolist():
        first, count = index[shower].tolist()
        rows = slice(first, first + count)
        own = {one: column[rows] for one, column in places.items()}
        seed = {one: float(column[shower]) for one, column in injectors.items()}
        yield display(int(sizes["shower"][shower]), own, predicted[rows], seed)


SIZE_COLUMNS = ("shower", "size", "theta", "trained", *(name for name, _, _ in COUNTS))
PREDICTION_COLUMNS = ("shower", "signal", "predicted", "trained", *(name for name, _, _ in FEATURES))


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
def shower_counts(sizes: Columns) -> Figure:
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
def shower_sizes(sizes: Columns) -> Figure:
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
def features(predictions: Columns) -> Figure:
    """Distributions of four features, of segments that are predicted to be signal and of others, of unit
    area."""
    predicted = predictions["predicted"]
    figure = canvas(9.0, 6.4)
    for axis, (name, label, wanted) in zip(figure.subplots(2, 2).ravel(), FEATURES, strict=True):
        edges = feature_edges(predictions[name], wanted)
        for chosen, colour, title in ((0, BACKGROUND, "background"), (1, SIGNAL, "signal")):
            own = predictions[name][predicted == chosen]
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


def feature_edges(values: NDArray[np.floating], wanted: tuple[float, float] | None) -> NDArray[np.float64]:
    """100 bins of the range that is `wanted`, or 50 from the smallest value to 0.1 above the largest."""
    low, high = wanted or (float(values.min(initial=0.0)), float(values.max(initial=0.0)) + 0.1)
    return np.linspace(low, high, 101 if wanted else 51, dtype=np.float64)


@styled
def signal_features(predictions: Columns) -> Figure:
    """Impact parameter over distance (30 bins to 0.3) and cone (40 bins to 0.04) of predicted signal."""
    figure = canvas(9.6, 4.2)
    chosen = predictions["predicted"] == 1
    for axis, (name, high, bins) in zip(figure.subplots(1, 2), SIGNAL_FEATURES, strict=True):
        axis.hist(predictions[name][chosen], bins=np.linspace(0.0, high, bins + 1), color=SIGNAL, alpha=0.8)
        axis.set_xticks(np.linspace(0.0, high, 5), [f"{tick:g}" for tick in np.linspace(0.0, high, 5)])
        axis.set_xlabel(next(label for one, label, _ in FEATURES if one == name))
        axis.set_ylabel("segments")
    return Figure("signal-features", "Where segments predicted to be signal lie and point to.", figure)


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
        films = reach * _films_a_mm(depth, segments["depth_films"])
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


def _films_a_mm(depth: NDArray[np.floating], films: NDArray[np.integer]) -> float:
    """Films a mm of depth, from the last segment to the injector."""
    last = int(np.argmax(depth)) if len(depth) else -1
    return float(films[last] / depth[last]) if last >= 0 and depth[last] > 0 else 1.0 / 1.315
