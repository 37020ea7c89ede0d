"""Mid-rank p-values, bounded significances, and the errors of both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.numerics.intervals import binomial_efficiency
from hpcml.numerics.pvalues import empirical_p, p_error, significance, z_error


def test_mid_rank_formula():
    null = [0, 0, 1, 2]
    assert empirical_p([0, 1, 3], null).tolist() == [0.75, 0.375, 0.0]


def test_zero_p_is_a_bound_not_infinity():
    z, is_bound = significance([0.0, 0.5, 1.0, 0.25], 4)
    assert z == pytest.approx([0.6745, 0.0, -0.6745, 0.6745], abs=1e-4)
    assert is_bound.tolist() == [True, False, True, False]


@pytest.mark.parametrize(("n", "z"), [(300, 2.713), (1000, 3.090), (4200, 3.494), (10_000, 3.719)])
def test_largest_claimable_z(n, z):
    assert significance([0.0], n).z[0] == pytest.approx(z, abs=5e-4)


def test_p_below_one_over_n_is_a_bound():
    found = significance([0.5 / 100], 100)
    assert found.is_bound[0]
    assert found.z[0] == significance([0.01], 100).z[0]


def test_refusals():
    with pytest.raises(ValueError, match="at least one"):
        empirical_p([1.0], [])
    with pytest.raises(ValueError, match="finite"):
        empirical_p([1.0], [np.nan])
    with pytest.raises(ValueError, match="empty"):
        significance([0.5], 0)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        significance([1.5], 10)


def test_p_of_fresh_values_is_uniform():
    rng = np.random.default_rng(1)
    p = empirical_p(rng.normal(size=4000), rng.normal(size=4000))
    assert abs(p.mean() - 0.5) < 0.03
    assert abs((p < 0.1).mean() - 0.1) < 0.03


@given(st.integers(2, 400), st.floats(0.02, 0.98))
def test_the_error_of_p_is_that_of_a_share(null_size, share):
    passed = min(max(round(share * null_size), 1), null_size - 1)
    p = passed / null_size
    # binomial_efficiency is the same formula of counts
    assert p_error([p], null_size) == pytest.approx(binomial_efficiency([passed], null_size)[1])


def test_the_error_of_z_is_the_slope_of_z_times_that_of_p():
    p, n, step = 0.05, 1000, 1e-5
    slope = (significance([p - step], n).z - significance([p + step], n).z) / (2 * step)
    assert z_error([p], n) == pytest.approx(slope * p_error([p], n), rel=1e-4)


def test_the_error_of_a_p_of_zero_is_about_one_over_n():
    assert p_error([0.0, 1.0], 100) == pytest.approx([0.01, 0.01], rel=0.01)
    with pytest.raises(ValueError, match="empty"):
        p_error([0.5], 0)


def test_z_errors_cover_the_spread_of_repeated_nulls():
    rng = np.random.default_rng(3)
    p = np.array([empirical_p([1.5], rng.normal(size=400))[0] for _ in range(400)])
    z = significance(p, 400).z
    assert z_error([p.mean()], 400)[0] == pytest.approx(z.std(), rel=0.15)
