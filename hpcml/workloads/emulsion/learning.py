"""Is a linked segment part of the shower? Rows and features, splits by shower, forests, metrics.

Arrays in, arrays out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.learning.forest import Forest, flatten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.emulsion.parameters_learning import TreeSettings

FEATURES = ("link_dx", "link_dy", "link_dtx", "link_dty", "dtheta", "ip_over_dz", "cone_tan")
SIGNAL_WEIGHT = 100.0


class Metrics(NamedTuple):
    """Of the signal class. true_negative ... true_positive: rows. precision, recall, f1, accuracy: at the
    threshold, 0 where undefined. roc_auc, pr_auc: over all thresholds, NaN with one class alone."""

    true_negative: int
    false_positive: int
    false_negative: int
    true_positive: int
    precision: float
    recall: float
    f1: float
    accuracy: float
    roc_auc: float
    pr_auc: float


def confusion_metrics(
    true_negative: int, false_positive: int, false_negative: int, true_positive: int
) -> tuple[float, float, float, float]:
    """(precision, recall, F1, accuracy) of the signal class, 0 where undefined."""
    predicted, real = true_positive + false_positive, true_positive + false_negative
    precision = true_positive / predicted if predicted else 0.0
    recall = true_positive / real if real else 0.0
    both = precision + recall
    total = true_negative + false_positive + false_negative + true_positive
    accuracy = (true_negative + true_positive) / total if total else 0.0
    return precision, recall, 2 * precision * recall / both if both else 0.0, accuracy


def metrics(signal: NDArray[np.integer], score: NDArray[np.float64], *, threshold: float) -> Metrics:
    """How well `score` (n,) tells `signal` (n,); predicted where the score is above `threshold`."""
    truth, predicted = signal > 0, score > threshold
    counts = (
        int((~truth & ~predicted).sum()), int((~truth & predicted).sum()),
        int((truth & ~predicted).sum()), int((truth & predicted).sum()),
    )  # fmt: skip
    roc = pr = float("nan")
    if truth.any() and not truth.all():
        from sklearn.metrics import average_precision_score, roc_auc_score

        roc, pr = float(roc_auc_score(truth, score)), float(average_precision_score(truth, score))
    return Metrics(*counts, *confusion_metrics(*counts), roc, pr)


def split_showers(number: int, test_share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which of `number` showers are trained on: bool (number,). At least one is, and one is not, if there
    are two; a single one is trained on."""
    tested = min(max(round(test_share * number), 1), number - 1)
    trained = np.ones(number, np.bool_)
    trained[rng.permutation(number)[:tested]] = False
    return trained


def folds_of(number: int, folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Fold 0 .. folds-1 of each of `number` showers, as equal as can be. UsageError for fewer showers than
    folds."""
    if number < folds:
        raise UsageError(f"{number} showers cannot be dealt into {folds} folds", "set fewer folds")
    return rng.permutation(np.arange(number) % folds)


def train_forest(
    values: NDArray[np.floating],
    signal: NDArray[np.integer],
    *,
    trees: int,
    how: TreeSettings,
    rng: np.random.Generator,
) -> Forest:
    """A random forest of `trees` trees (entropy, bootstrap, sqrt(features) a split) on rows (n, features).

    UsageError when the rows are all signal or all background. One process, so that rows are summed in one
    order.
    """
    from sklearn.ensemble import RandomForestClassifier

    if not signal.any() or signal.all():
        kind = "no signal" if not signal.any() else "no background"
        raise UsageError(f"{len(signal)} rows to train on hold {kind}", "a forest needs both")
    weights = "balanced_subsample" if how.weights == "balanced" else {0: 1.0, 1: SIGNAL_WEIGHT}
    model = RandomForestClassifier(
        trees, criterion="entropy", max_depth=how.depth, class_weight=weights, n_jobs=1,
        random_state=int(rng.integers(0, 2**32)),
    )  # fmt: skip
    model.fit(values, signal.astype(np.int64))
    return flatten(model.estimators_, FEATURES)
