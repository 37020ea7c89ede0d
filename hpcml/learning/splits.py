"""Splits into training and test rows, and into folds, that never divide a group.

Rows of one group (a shower, a run, an event) know each other: a split through a group flatters the
classifier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def train_test_groups(groups: NDArray[Any], test_share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which rows are trained on: bool (rows,), equal in each group of `groups` (rows,).

    At least one group is trained on and one is not, if there are two; a single one is trained on.
    """
    names, group = np.unique(groups, return_inverse=True)
    number = len(names)
    tested = min(max(round(test_share * number), 1), number - 1)
    trained = np.ones(number, np.bool_)
    trained[rng.permutation(number)[:tested]] = False
    return trained[group]


def group_folds(groups: NDArray[Any], folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Fold 0 .. folds-1 of each row: int64 (rows,), equal in each group of `groups` (rows,); folds have as
    equal numbers of groups as can be. ValueError for fewer groups than folds."""
    names, group = np.unique(groups, return_inverse=True)
    number = len(names)
    if number < folds:
        raise ValueError(f"{number} groups cannot be divided into {folds} folds")
    fold: NDArray[np.int64] = rng.permutation(np.arange(number) % folds)[group]
    return fold
