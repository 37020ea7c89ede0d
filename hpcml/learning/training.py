"""Random forests trained by scikit-learn, in one process, from one random stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hpcml.learning.forest import Forest, flatten

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """trees: of the forest. depth: of a tree at most. class_weights: weight of the rows of each class, or
    None for classes that are balanced in each tree's sample."""

    trees: int
    depth: int
    class_weights: tuple[float, ...] | None = None


def train_forest(
    values: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    features: Sequence[str],
    settings: ForestSettings,
    rng: np.random.Generator,
) -> Forest:
    """A random forest (entropy, bootstrap, sqrt(features) per split) on rows (n, features) of classes (n,).

    labels: 0 .. classes-1. ValueError when a class has no rows or there is one class alone. One process,
    so that rows are added up in one order; equal streams give equal forests.
    """
    from sklearn.ensemble import RandomForestClassifier

    number = np.bincount(labels)
    if len(number) < 2 or (number == 0).any():
        found = ", ".join(map(str, np.flatnonzero(number))) or "none"
        raise ValueError(f"the {len(labels)} rows to train on are of class {found} only")
    weights = settings.class_weights
    model = RandomForestClassifier(
        settings.trees, criterion="entropy", max_depth=settings.depth, n_jobs=1,
        class_weight="balanced_subsample" if weights is None else dict(enumerate(weights)),
        random_state=int(rng.integers(0, 2**32)),
    )  # fmt: skip
    model.fit(values, labels.astype(np.int64))
    return flatten(model.estimators_, features)
