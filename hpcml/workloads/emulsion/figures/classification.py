"""Plots of classified showers: confusion, counts, sizes, features of segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.plots.classifiers import confusion_matrix
from hpcml.plots.style import BACKGROUND, SIGNAL, canvas, styled
from hpcml.workload import Figure, Input
from hpcml.workloads.emulsion.classification import COMPARED, KINDS, feature_edges
from hpcml.workloads.emulsion.figures.displays import shower_displays
from hpcml.workloads.emulsion.figures.labels import LABELS, show_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]

COUNTS = (
    ("true_positive", "signal found", 5), ("false_positive", "background taken for signal", 5),
    ("false_negative", "signal missed", 5), ("true_negative", "background known as such", 500),
)  # fmt: skip
SIGNAL_FEATURES = (("ip_over_dz", 0.3, 30), ("cone_tan", 0.04, 40))
SIZE_COLUMNS = ("shower", "size", "theta", "trained", *KINDS)
PREDICTION_COLUMNS = ("shower", "signal", "predicted", "trained", *COMPARED)


def classification_figures(
    applied: Input, earlier: Mapping[str, Input], *, displays: Sequence[int] = ()
) -> Iterator[Figure]:
    """The figures of a merged emulsion.apply; with the showers that it was applied to where they are an
    earlier step, displays of those numbers, or of the largest."""
    sizes = dict(zip(SIZE_COLUMNS, applied.columns("sizes", *SIZE_COLUMNS), strict=True))
    predictions = dict(
        zip(PREDICTION_COLUMNS, applied.columns("predictions", *PREDICTION_COLUMNS), strict=True)
    )
    if predictions["signal"].any():
        fresh = predictions["trained"] == 0
        yield confusion(predictions["signal"][fresh], predictions["predicted"][fresh])
        yield shower_counts(sizes)
    yield shower_sizes(sizes)
    yield features(predictions)
    yield signal_features(predictions)
    showers = [table for table in earlier.values() if table.has("link_angle", "candidates")]
    if showers and showers[-1].rows("candidates") == len(predictions["shower"]):
        yield from shower_displays(showers[-1], sizes, predictions["predicted"], displays)


def confusion(signal: NDArray[np.integer], predicted: NDArray[np.integer]) -> Figure:
    """Truth against prediction, segments of showers that were not trained on."""
    return Figure(
        "confusion",
        "Segments of showers that the forest was not trained on: truth against prediction.",
        confusion_matrix(signal, predicted, ("background", "signal")),
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
    for axis, (name, limits) in zip(figure.subplots(2, 2).ravel(), COMPARED.items(), strict=True):
        edges = feature_edges(name, predictions[name])
        for chosen, colour, title in ((0, BACKGROUND, "background"), (1, SIGNAL, "signal")):
            own = predictions[name][predicted == chosen]
            if own.size:
                axis.hist(
                    own, bins=edges, density=True, histtype="step", color=colour, label=f"predicted {title}"
                )
        show_range(axis, limits)
        axis.set_xlabel(LABELS[name])
        axis.set_ylabel("density")
    figure.axes[0].legend()
    return Figure("features", "Features of linked segments, distributions of unit area.", figure)


@styled
def signal_features(predictions: Columns) -> Figure:
    """Impact parameter over distance (30 bins to 0.3) and cone (40 bins to 0.04) of predicted signal."""
    figure = canvas(9.6, 4.2)
    chosen = predictions["predicted"] == 1
    for axis, (name, high, bins) in zip(figure.subplots(1, 2), SIGNAL_FEATURES, strict=True):
        axis.hist(predictions[name][chosen], bins=np.linspace(0.0, high, bins + 1), color=SIGNAL, alpha=0.8)
        axis.set_xticks(np.linspace(0.0, high, 5), [f"{tick:g}" for tick in np.linspace(0.0, high, 5)])
        axis.set_xlabel(LABELS[name])
        axis.set_ylabel("segments")
    return Figure("signal-features", "Where segments predicted to be signal lie and point to.", figure)
