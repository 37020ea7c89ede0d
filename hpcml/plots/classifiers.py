"""How classifiers are shown: the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.plots.style import INK, canvas, styled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@styled
def confusion_matrix(truth: NDArray[np.integer], predicted: NDArray[np.integer], names: Sequence[str]) -> Any:
    """A matplotlib figure: rows of each true class (down) that are predicted to be of each class (across),
    as numbers and as shares of the true class.

    truth, predicted: (rows,), classes 0 .. len(names)-1.
    """
    number = len(names)
    counts = np.zeros((number, number), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = canvas(2.6 + 1.2 * number, 2.0 + 1.2 * number)
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    for row, column in np.ndindex(number, number):
        text = f"{counts[row, column]:,}\n{shares[row, column]:.1%}"
        colour = "white" if shares[row, column] > 0.5 else INK
        axis.text(column, row, text, ha="center", va="center", color=colour)
    axis.set_xticks(range(number), names)
    axis.set_yticks(range(number), names)
    axis.tick_params(which="both", length=0)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    return figure
