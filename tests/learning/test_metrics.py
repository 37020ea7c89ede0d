"""Scores by hand and against scikit-learn; errors against resamplings of groups."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="areas under curves are scikit-learn's")

from hpcml.learning import metrics


def test_the_published_confusion():
    precision, recall, f1, accuracy = metrics.confusion_metrics(584_719, 2_857, 17_384, 21_749)
    assert precision == pytest.approx(0.8839, abs=5e-5)
    assert recall == pytest.approx(0.5558, abs=5e-5)
    assert f1 == pytest.approx(0.6824, abs=5e-5)
    assert accuracy == pytest.approx(0.9677, abs=5e-5)


def test_five_rows_by_hand():
    truth = np.array([0, 0, 1, 1, 1])
    found = metrics.binary_metrics(truth, np.array([0.1, 0.6, 0.4, 0.7, 0.9]), threshold=0.5)
    assert found[:4] == (1, 1, 1, 2)
    assert found.precision == found.recall == pytest.approx(2 / 3)
    assert found.roc_auc == pytest.approx(5 / 6)


def test_one_class_alone_has_no_area():
    alone = metrics.binary_metrics(np.zeros(3, int), np.zeros(3), threshold=0.5)
    assert alone.precision == alone.recall == alone.f1 == 0
    assert math.isnan(alone.roc_auc)
    assert math.isnan(metrics.roc_auc_error(np.zeros(3, int), np.zeros(3), np.arange(3)))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=40), st.integers(-1, 5))
def test_counts_add_up_and_metrics_are_shares(rows, threshold):
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    found = metrics.binary_metrics(truth, score.astype(float), threshold=threshold)
    assert sum(found[:4]) == len(rows)
    assert found.true_positive + found.false_negative == truth.sum()
    assert all(0 <= value <= 1 for value in found[4:8])
    low, high = sorted((found.precision, found.recall))
    assert low - 1e-12 <= found.f1 <= high + 1e-12


@given(st.lists(st.booleans(), min_size=2, max_size=50))
def test_the_error_of_a_share_of_single_rows_is_binomial(passed):
    part, number = np.array(passed), len(passed)
    share = part.mean()
    binomial = np.sqrt(share * (1 - share) / number)
    error = metrics.share_error(part, np.ones(number))
    assert error == pytest.approx(binomial * np.sqrt(number / (number - 1)), abs=1e-12)


def test_the_error_of_a_share_knows_that_rows_of_a_group_are_alike():
    total = np.full(50, 100)
    part = np.where(np.arange(50) % 2, 90, 70)
    assert metrics.share_error(part, total) == pytest.approx(0.1 / np.sqrt(49))
    # groups without rows say nothing; a single group has no error
    assert metrics.share_error(np.r_[part, 0], np.r_[total, 0]) == metrics.share_error(part, total)
    assert math.isnan(metrics.share_error(part[:1], total[:1]))


def scored(rng, groups):
    """Rows of groups, the signal of each with a shift of its scores of its own."""
    size = rng.integers(10, 40, groups)
    group = np.repeat(np.arange(groups), size)
    truth = rng.random(len(group)) < 0.3
    shift = 1.0 + rng.normal(0.0, 0.7, groups)[group]
    return truth, rng.normal(0.0, 1.0, len(group)) + truth * shift, group


def test_the_error_of_the_area_is_its_spread_over_repetitions():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    samples = [scored(rng, 30) for _ in range(200)]
    areas = [roc_auc_score(truth, score) for truth, score, _ in samples]
    errors = [metrics.roc_auc_error(*sample) for sample in samples]
    assert np.mean(errors) == pytest.approx(np.std(areas), rel=0.15)
    by_row = [metrics.roc_auc_error(truth, score, np.arange(len(score))) for truth, score, _ in samples]
    assert np.mean(by_row) < 0.8 * np.std(areas)  # rows of a group are no independent rows
