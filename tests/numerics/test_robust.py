"""Trimmed standardisation: outliers do not move it, units do not change it, rounding is no deviation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hpcml.numerics.robust import trimmed_z

samples = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).normal(2.0, 1.0, (3, 20)))
masks = arrays(bool, (3, 20)).filter(lambda mask: (mask.sum(axis=1) >= 5).all())
SCALE = np.ones(3)


def by_hand(values):
    """The definition, for one set of values."""
    distance = np.abs(values - np.median(values))
    kept = values[distance <= np.quantile(distance, 0.8)]
    return (values - kept.mean()) / (1.51 * kept.std())


@given(samples, masks)
@settings(deadline=None)
def test_it_is_the_definition_on_those_that_take_part(values, mask):
    z = trimmed_z(values, SCALE, mask)
    for own, part, found in zip(values, mask, z, strict=True):
        assert found[part] == pytest.approx(by_hand(own[part]))
        assert not found[~part].any()


@given(samples, masks, st.floats(0.01, 100), st.floats(-10, 10))
@settings(deadline=None)
def test_shift_and_unit_of_measure_change_nothing(values, mask, factor, shift):
    moved = trimmed_z(factor * values + shift, SCALE, mask)
    assert moved == pytest.approx(trimmed_z(values, SCALE, mask), rel=1e-5, abs=1e-5)


@given(samples)
@settings(deadline=None)
def test_an_outlier_does_not_move_the_others(values):
    everyone = np.ones(values.shape, bool)
    far, farther = values.copy(), values.copy()
    far[:, 0], farther[:, 0] = 1e3, 1e6
    found = [trimmed_z(one, SCALE, everyone) for one in (far, farther)]
    assert np.array_equal(found[0][:, 1:], found[1][:, 1:])
    assert (found[1][:, 0] > found[0][:, 0]).all()


def test_sets_do_not_depend_on_those_beside_them():
    values = np.random.default_rng(1).normal(size=(4, 3, 30))
    mask = np.random.default_rng(2).random((4, 3, 30)) < 0.7
    together = trimmed_z(values, np.ones((4, 3)), mask)
    for number in range(4):
        assert np.array_equal(trimmed_z(values[number], SCALE, mask[number]), together[number])


def test_rounding_is_no_deviation():
    values = 0.3 + np.array([0.0, 1e-17, -1e-17, 2e-17, 0.0])
    assert not trimmed_z(values[None], np.array([0.3]), np.ones(5, bool)).any()


def test_nothing_takes_part():
    assert not trimmed_z(np.ones((2, 4)), np.ones(2), np.zeros(4, bool)).any()
