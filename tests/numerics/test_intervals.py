"""Quartiles and binomial efficiencies against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.numerics.intervals import binomial_efficiency, quartiles

numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, min_size=1, max_size=50))
def test_a_quarter_of_the_sample_lies_on_each_side(sample):
    values = np.array(sample)
    for share, quartile in zip((0.25, 0.5, 0.75), quartiles(values), strict=True):
        assert (values <= quartile).sum() >= share * (len(values) - 1)
        assert (values >= quartile).sum() >= (1 - share) * (len(values) - 1)
        assert values.min() <= quartile <= values.max()


def test_quartiles_lie_linearly_between_neighbours():
    assert quartiles(np.array([8.0, 0.0, 2.0, 4.0])).tolist() == [1.5, 3.0, 5.0]
    assert np.isnan(quartiles(np.zeros(0))).all()


@given(st.integers(1, 1000), st.data())
def test_the_error_is_that_of_the_binomial_distribution(total, data):
    passed = data.draw(st.lists(st.integers(0, total), min_size=1, max_size=5))
    share, error = binomial_efficiency(passed, total)
    # of 0 and 1 with these frequencies: the standard deviation of their mean
    for count, own_share, own_error in zip(passed, share, error, strict=True):
        trials = np.r_[np.ones(count), np.zeros(total - count)]
        assert own_share == pytest.approx(trials.mean())
        assert own_error == pytest.approx(trials.std() / np.sqrt(total), abs=1e-12)


def test_no_trials_have_no_efficiency():
    assert np.isnan(binomial_efficiency([0, 0], 0)).all()


@pytest.mark.parametrize("passed", [[3, 11], [-1, 2]])
def test_counts_that_cannot_be_are_refused(passed):
    with pytest.raises(ValueError, match="must lie in 0 to 10"):
        binomial_efficiency(passed, 10)
