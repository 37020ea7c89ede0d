"""Fits: lines and peaks that are known come back."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.numerics.fits import fit_gaussian_peak, fit_line

EDGES = np.linspace(-1.5, 1.5, 31)


@given(st.floats(-9, 9), st.floats(-9, 9), st.lists(st.integers(0, 40), min_size=2, max_size=20, unique=True))
def test_points_on_a_line_give_it_back(intercept, slope, x):
    x = np.array(x, float)
    y = intercept + slope * x
    y[x > 30] = 1e6  # outside of what is fitted to
    inside = int((x <= 30).sum())
    if inside < 2:
        with pytest.raises(ValueError, match=f"{inside} points between 0 and 30 do not determine a line"):
            fit_line(x, y, between=(0, 30))
        return
    found = fit_line(x, y, np.ones(len(x)), between=(0, 30))
    assert found.intercept == pytest.approx(intercept, abs=1e-8)
    assert found.slope == pytest.approx(slope, abs=1e-8)
    assert found.points == inside


def test_a_point_with_a_small_error_weighs_more():
    x, y = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 5.0])
    light, heavy = (fit_line(x, y, np.array([1.0, 1.0, error]), between=(0, 2)) for error in (10.0, 0.1))
    assert light.slope < fit_line(x, y, between=(0, 2)).slope < heavy.slope


def test_points_at_one_place_give_no_line():
    with pytest.raises(ValueError, match="3 points between 0 and 2"):
        fit_line(np.ones(3), np.arange(3.0), between=(0, 2))


@pytest.mark.parametrize(("mean", "width"), [(0.0, 0.15), (0.05, 0.2), (-0.1, 0.25)])
def test_a_gaussian_comes_back_within_its_errors(mean, width):
    pulls = []
    for seed in range(20):
        found = fit_gaussian_peak(np.random.default_rng(seed).normal(mean, width, 2000), EDGES, 0.6)
        pulls.append(((found.mean - mean) / found.mean_error, (found.width - width) / found.width_error))
    assert np.abs(np.mean(pulls, axis=0)).max() < 1.5  # wide bins and sqrt(n) errors shift it a little
    assert np.abs(pulls).max() < 6


def test_too_little_has_no_peak():
    assert math.isnan(fit_gaussian_peak(np.array([0.1, 0.1]), EDGES, 0.6).width)
    assert math.isnan(fit_gaussian_peak(np.zeros(0), EDGES, 0.6).mean)
