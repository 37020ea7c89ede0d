"""Mid-rank p-values and bounded significances."""

import numpy as np
import pytest

from hpcml.numerics.pvalues import empirical_p, significance


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
