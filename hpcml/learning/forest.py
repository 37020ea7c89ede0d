"""Random forests as arrays: flattened from scikit-learn, joined, and predicted without it.

Predictions have the bits of scikit-learn's trees added up in their order: values are compared in single
precision, and the probabilities of a row are added tree by tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ARRAYS = ("first", "left", "right", "feature", "threshold", "probability")


class Forest(NamedTuple):
    """Trees one after the other, in arrays over all nodes (n,).

    features: names of the columns, in their order.
    first: int64 (trees,), first node of each tree.
    left, right: int32 (n,), children counted from the tree's first node, -1 at leaves.
    feature: int32 (n,), column that is compared, -1 at leaves.
    threshold: float64 (n,), left when the value (in single precision) is at most this; NaN goes right.
    probability: float64, (n, 1) of class 1 for two classes, (n, classes) for more.
    """

    features: tuple[str, ...]
    first: NDArray[np.int64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    probability: NDArray[np.float64]


def flatten(trees: Sequence[Any], features: Sequence[str]) -> Forest:
    """The fitted trees of a scikit-learn forest as arrays."""
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ARRAYS[1:]}
    for estimator in trees:
        tree = estimator.tree_
        leaf = tree.children_left < 0
        weight = tree.value[:, 0, :]
        share = weight / weight.sum(axis=1, keepdims=True)
        parts["left"].append(tree.children_left.astype(np.int32))
        parts["right"].append(tree.children_right.astype(np.int32))
        parts["feature"].append(np.where(leaf, -1, tree.feature).astype(np.int32))
        parts["threshold"].append(np.where(leaf, 0.0, tree.threshold))
        parts["probability"].append(share[:, 1:] if share.shape[1] == 2 else share)
    sizes = [len(left) for left in parts["left"]]
    first = np.cumsum([0, *sizes])[:-1].astype(np.int64)
    left, right, feature, threshold, probability = (np.concatenate(parts[name]) for name in ARRAYS[1:])
    return Forest(tuple(features), first, left, right, feature, threshold, probability)


def join_forests(forests: Sequence[Forest]) -> Forest:
    """The trees of several forests as one. ValueError without any, or for different features or classes."""
    if not forests:
        raise ValueError("there is no forest")
    if len({(forest.features, forest.probability.shape[1]) for forest in forests}) > 1:
        raise ValueError("the forests were trained on different features or classes")
    sizes = [len(forest.left) for forest in forests]
    start = np.cumsum([0, *sizes])[:-1]
    first = np.concatenate([forest.first + begin for forest, begin in zip(forests, start, strict=True)])
    rest = (np.concatenate([getattr(forest, name) for forest in forests]) for name in ARRAYS[1:])
    left, right, feature, threshold, probability = rest
    return Forest(forests[0].features, first, left, right, feature, threshold, probability)


def predict(forest: Forest, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probability of each row of `values` (rows, features), the mean over trees: float64 (rows, 1) of class 1
    for a forest of two classes, (rows, classes) for one of more.

    Needs numba (ModuleNotFoundError without it). One thread; the result does not depend on their number.
    """
    # a leaf's threshold is infinite and keeps every value but NaN, which goes right as an infinite one does
    single = np.array(values, np.float32, order="C")
    single[np.isnan(single)] = np.inf
    found: NDArray[np.float64] = _compiled()(*forest[1:], single)
    return found


def predict_numpy(forest: Forest, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """The same in NumPy, all rows of a tree at once: what `predict` is tested against."""
    single = np.ascontiguousarray(values, np.float32)
    total = np.zeros((len(single), forest.probability.shape[1]))
    every = np.arange(len(single))
    for start in forest.first.tolist():
        node = np.full(len(single), start)
        inner = forest.feature[node] >= 0
        while inner.any():
            rows, at = every[inner], node[inner]
            goes_left = single[rows, forest.feature[at]] <= forest.threshold[at]
            node[inner] = start + np.where(goes_left, forest.left[at], forest.right[at])
            inner = forest.feature[node] >= 0
        total += forest.probability[node]
    return total / len(forest.first)


@cache
def _compiled() -> Any:
    from hpcml.learning.kernels import predict_forest

    return predict_forest
