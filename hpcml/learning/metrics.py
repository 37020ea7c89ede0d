"""Scores of a classifier of two classes: confusion, efficiency and purity, areas under curves, their errors.

Class 1 is the signal. Rows of one group (a shower, a run, an event) know each other, so errors treat groups,
not rows, as independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class BinaryMetrics(NamedTuple):
    """Of the signal class. true_negative ... true_positive: rows. precision (purity), recall (efficiency),
    f1, accuracy: at the threshold, 0 where undefined. roc_auc, pr_auc: over all thresholds, NaN with one
    class alone."""

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


def binary_metrics(truth: NDArray[Any], score: NDArray[np.floating], *, threshold: float) -> BinaryMetrics:
    """How well `score` (n,) separates rows of `truth` (n,) above 0 from others; a row is predicted to be
    signal when its score is above `threshold`."""
    real, predicted = truth > 0, score > threshold
    counts = (
        int((~real & ~predicted).sum()), int((~real & predicted).sum()),
        int((real & ~predicted).sum()), int((real & predicted).sum()),
    )  # fmt: skip
    roc = pr = float("nan")
    if real.any() and not real.all():
        from sklearn.metrics import average_precision_score, roc_auc_score

        roc, pr = float(roc_auc_score(real, score)), float(average_precision_score(real, score))
    return BinaryMetrics(*counts, *confusion_metrics(*counts), roc, pr)


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


def share_error(part: NDArray[Any], total: NDArray[Any]) -> float:
    """Standard error of the share sum(part) / sum(total) when groups are independent.

    part, total: (groups,), rows of each group that count, and all its rows. Linearised ratio estimator
    (Cochran, Sampling Techniques, 6.4); NaN for fewer than two groups with rows.
    """
    filled = total > 0
    rows, groups = float(total[filled].sum()), int(filled.sum())
    if groups < 2:
        return float("nan")
    residual = part[filled] - part.sum() / rows * total[filled]
    return float(np.sqrt(groups / (groups - 1) * (residual**2).sum()) / rows)


def roc_auc_error(truth: NDArray[Any], score: NDArray[np.floating], group: NDArray[np.integer]) -> float:
    """Standard error of the area under the ROC curve when groups are independent.

    truth, score, group: (rows,), group numbered from 0. From the share of the other class that each row
    is ranked above (DeLong et al. 1988), added up in each group (Obuchowski 1997). NaN for fewer than two
    groups, or with one class alone.
    """
    real = truth > 0
    groups = len(np.unique(group))
    if groups < 2 or not real.any() or real.all():
        return float("nan")
    signal, background = np.sort(score[real]), np.sort(score[~real])
    ranked = np.zeros(len(score))
    ranked[real] = _midrank(background, score[real]) / len(background)
    ranked[~real] = 1.0 - _midrank(signal, score[~real]) / len(signal)
    area = ranked[real].mean()
    influence = (ranked - area) / np.where(real, len(signal), len(background))
    pulls = np.bincount(group, weights=influence)
    return float(np.sqrt(groups / (groups - 1) * (pulls**2).sum()))


def _midrank(ordered: NDArray[np.floating], values: NDArray[np.floating]) -> NDArray[np.float64]:
    """How many of `ordered` are below each value; equal ones count half."""
    below, up_to = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray(0.5 * (below + up_to), np.float64)
