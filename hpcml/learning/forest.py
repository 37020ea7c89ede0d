"""Random forests as arrays: trained by scikit-learn, kept in HDF5, predicted without it.

Flattening trees, writing, reading and checking them, prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import h5py
import numpy as np

from hpcml.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = 1
ARRAYS = ("first", "left", "right", "feature", "threshold", "probability")


class Forest(NamedTuple):
    """Trees one after the other, in arrays over all nodes (n,).

    features: names of the columns, in their order. first: int64 (trees,), first node of each. left, right:
    int32, children counted from the tree's first node, -1 at leaves. feature: int32, column that is
    compared, -1 at leaves. threshold: float64, left when the value (in single precision) is at most this.
    probability: float64, of class 1.
    """

    features: tuple[str, ...]
    first: NDArray[np.int64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    probability: NDArray[np.float64]


def flatten(trees: Sequence[Any], features: Sequence[str]) -> Forest:
    """The fitted trees of a scikit-learn forest of two classes as arrays."""
    sizes = [one.tree_.node_count for one in trees]
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ARRAYS[1:]}
    for one in trees:
        tree = one.tree_
        leaf = tree.children_left < 0
        weight = tree.value[:, 0, :]
        parts["left"].append(tree.children_left.astype(np.int32))
        parts["right"].append(tree.children_right.astype(np.int32))
        parts["feature"].append(np.where(leaf, -1, tree.feature).astype(np.int32))
        parts["threshold"].append(np.where(leaf, 0.0, tree.threshold))
        parts["probability"].append(weight[:, 1] / weight.sum(axis=1))
    first = np.cumsum([0, *sizes])[:-1].astype(np.int64)
    left, right, feature, threshold, probability = (np.concatenate(parts[name]) for name in ARRAYS[1:])
    return Forest(tuple(features), first, left, right, feature, threshold, probability)


def joined(forests: Sequence[Forest]) -> Forest:
    """The trees of several forests as one. UsageError when they have different features, or there are
    none."""
    if not forests:
        raise UsageError("there is no forest", "train one, or name a step that did")
    if len({one.features for one in forests}) > 1:
        raise UsageError("the forests were trained on different features")
    sizes = [len(one.left) for one in forests]
    start = np.cumsum([0, *sizes])[:-1]
    first = np.concatenate([one.first + begin for one, begin in zip(forests, start, strict=True)])
    rest = (np.concatenate([getattr(one, name) for one in forests]) for name in ARRAYS[1:])
    left, right, feature, threshold, probability = rest
    return Forest(forests[0].features, first, left, right, feature, threshold, probability)


def write_forest(path: Path, forest: Forest) -> None:
    """Keep a forest as HDF5. The bytes are a function of the forest alone."""
    with h5py.File(path, "w", libver=("v108", "v110")) as file:
        for name in ARRAYS:
            file.create_dataset(name, data=getattr(forest, name), track_times=False)
        file.attrs["format"] = FORMAT
        file.attrs["features"] = ",".join(forest.features)
        file.attrs["checksum"] = _checksum(forest)


def read_forest(path: Path, *, features: Sequence[str]) -> Forest:
    """The forest that `write_forest` kept.

    UsageError when the file is none, or when it was trained on other `features`; IntegrityError when it is
    damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            if int(file.attrs["format"]) != FORMAT:
                raise UsageError(
                    f"{path} has format {file.attrs['format']}, this version reads {FORMAT}", "train it anew"
                )
            names = tuple(str(file.attrs["features"]).split(","))
            checksum = str(file.attrs["checksum"])
            first, left, right, feature, threshold, probability = (file[name][...] for name in ARRAYS)
            forest = Forest(names, first, left, right, feature, threshold, probability)
    except (OSError, KeyError) as error:
        raise UsageError(f"{path} is no forest: {error}") from error
    if _checksum(forest) != checksum:
        raise IntegrityError(f"{path} is damaged: its checksum is not that of its trees", "train it anew")
    if names != tuple(features):
        raise UsageError(
            f"{path} was trained on {', '.join(names)}", f"it is asked to predict from {', '.join(features)}"
        )
    return forest


def predict(forest: Forest, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probability of class 1 of each row of `values` (rows, features): float64 (rows,), the mean over trees.

    As scikit-learn compares them, values are taken in single precision; NaN goes right.
    """
    single = np.ascontiguousarray(values, np.float32)
    found: NDArray[np.float64] = _compiled()(*forest[1:], single)
    return found


def predict_numpy(forest: Forest, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """The same in NumPy, all rows of a tree at once: what `predict` is tested against."""
    single = np.ascontiguousarray(values, np.float32)
    total = np.zeros(len(single))
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


def _checksum(forest: Forest) -> str:
    import xxhash

    state = xxhash.xxh3_128(",".join(forest.features).encode())
    for name in ARRAYS:
        state.update(np.ascontiguousarray(getattr(forest, name)).tobytes())
    return str(state.hexdigest())


@cache
def _compiled() -> Any:
    try:
        from numba import njit
    except ImportError as error:
        raise UsageError("predicting a forest needs numba", "pip install 'hpcml[emulsion]'") from error

    return njit(cache=True)(_descend)


def _descend(
    first: Any, left: Any, right: Any, feature: Any, threshold: Any, probability: Any, values: Any
) -> Any:
    rows = len(values)
    total = np.zeros(rows)
    # tree by tree: its nodes stay in the processor's cache
    for tree in range(len(first)):
        start = first[tree]
        for row in range(rows):
            node = start
            while feature[node] >= 0:
                if values[row, feature[node]] <= threshold[node]:
                    node = start + left[node]
                else:
                    node = start + right[node]
            total[row] += probability[node]
    return total / len(first)
