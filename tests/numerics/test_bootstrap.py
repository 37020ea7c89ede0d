"""Resampling weights: totals, moments, exactness of the Poisson table, stability of the stream."""

import math

import numpy as np
import pytest

from hpcml import seeds
from hpcml.numerics import bootstrap


def test_multinomial_weights_have_fixed_total_and_unit_mean():
    n = 100_000
    weights = bootstrap.multinomial_weights(seeds.stream(1, "weights", 0), n)
    assert weights.dtype == np.uint16
    assert weights.sum(dtype=np.int64) == n
    assert weights.mean() == 1.0
    assert abs((weights == 0).mean() - 0.3679) < 0.002
    assert abs(weights.var() - 1.0) < 0.02


@pytest.mark.parametrize("draw", [bootstrap.multinomial_weights, bootstrap.poisson_weights])
def test_equal_labels_give_equal_weights_and_others_do_not(draw):
    def weights(*labels):
        return draw(seeds.stream(5, *labels), 5000)

    assert np.array_equal(weights("weights", 3), weights("weights", 3))
    assert not np.array_equal(weights("weights", 3), weights("weights", 4))
    # a list of integers that is summed up would confuse these
    assert not np.array_equal(weights("init", 0, 1, 2), weights("init", 2, 1, 0))
    assert not np.array_equal(weights("weights", 1), weights("signal", 1))


@pytest.mark.parametrize("draw", [bootstrap.multinomial_weights, bootstrap.poisson_weights])
def test_empty_and_negative(draw):
    assert draw(seeds.stream(1, "x"), 0).shape == (0,)
    with pytest.raises(ValueError, match="negative"):
        draw(seeds.stream(1, "x"), -1)


def test_poisson_weights_follow_the_distribution():
    n = 400_000
    weights = bootstrap.poisson_weights(seeds.stream(2, "weights", 0), n)
    for value in range(6):
        expected = math.exp(-1) / math.factorial(value)
        error = math.sqrt(expected * (1 - expected) / n)
        assert abs((weights == value).mean() - expected) < 5 * error
    assert abs(weights.mean() - 1) < 5 / math.sqrt(n)


class _Words:
    """A generator that returns chosen words."""

    def __init__(self, words):
        self.words = words

    def integers(self, low, high, size, dtype):
        assert (low, high, size) == (0, 2**32, len(self.words))
        return np.array(self.words, dtype)


def test_poisson_table_equals_the_full_search_at_every_threshold():
    thresholds, cumulative = [], 0.0
    for j in range(12):
        cumulative += math.exp(-1) / math.factorial(j)
        thresholds.append(round(cumulative * 2**32))
    thresholds = [one for one in thresholds if one < 2**32]
    words = [0, 2**32 - 1, *(t + d for t in thresholds for d in (-1, 0, 1) if t + d < 2**32)]
    expected = [sum(t <= word for t in thresholds) for word in words]
    assert bootstrap.poisson_weights(_Words(words), len(words)).tolist() == expected


def test_multinomial_stream_is_frozen():
    """Stored campaigns rely on these numbers: a change here is a new version of the workload."""
    weights = bootstrap.multinomial_weights(seeds.stream(20240601, "weights", 0), 12)
    poisson = bootstrap.poisson_weights(seeds.stream(20240601, "weights", 0), 12)
    assert weights.tolist() == [2, 1, 3, 0, 0, 1, 0, 0, 0, 1, 2, 2]
    assert poisson.tolist() == [1, 0, 0, 3, 0, 0, 0, 2, 3, 2, 2, 0]
