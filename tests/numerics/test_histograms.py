"""Bin edges, histograms of several samples, profiles: by hand and by what must hold for any sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.numerics.histograms import bin_edges, histogram_columns, profile

values = st.lists(st.floats(-50, 50), max_size=30).map(lambda found: np.array(found, float))


@given(values, st.integers(1, 40), st.sampled_from([0.0, 0.1]))
def test_edges_hold_all_values_and_0(sample, bins, margin):
    edges = bin_edges(sample, None, bins, margin=margin)
    assert len(edges) == bins + 1
    assert edges[0] == min(sample.min(initial=0.0), 0.0)
    assert edges[-1] == max(sample.max(initial=0.0), 0.0) + margin
    assert bin_edges(sample, (-2.0, 3.0), bins)[[0, -1]].tolist() == [-2.0, 3.0]


@given(values, values)
def test_every_value_is_in_one_bin(data, simulation):
    edges = {"x": np.linspace(-50, 50, 8), "y": np.linspace(0, 50, 3)}
    samples = {"data": {"x": data, "y": data}, "simulation": {"x": simulation, "y": simulation}}
    found = histogram_columns(samples, edges)
    assert found["feature"].tolist() == ["x"] * 7 + ["y"] * 2
    assert np.all(found["low"] < found["high"])
    for name, sample in (("data", data), ("simulation", simulation)):
        assert found[name].dtype == np.uint64
        assert found[name][:7].sum() == len(sample)
        assert found[name][7:].sum() == (sample >= 0).sum()


def test_a_profile_by_hand():
    x = np.array([12, 14, 18, 55, 299, 300, 400])
    y = np.array([1.0, 2.0, 3.0, 7.0, 9.0, 50.0, 50.0])
    found = profile(x, y, np.linspace(0.0, 300.0, 31))
    assert found.centre.tolist() == [15, 55, 295]
    assert found.mean.tolist() == [2, 7, 9]
    assert found.number.tolist() == [3, 1, 1]
    # single points take the spread of the other bins
    assert found.error == pytest.approx([1 / np.sqrt(3), 1.0, 1.0])
    assert len(profile(np.zeros(0, int), np.zeros(0), np.linspace(0.0, 1.0, 3)).centre) == 0


@given(st.lists(st.tuples(st.floats(0, 9.99), st.floats(-5, 5)), min_size=1, max_size=50))
def test_a_profile_keeps_the_mean_of_all(points):
    x, y = np.array(points).T
    found = profile(x, y, np.linspace(0, 10, 6))
    assert found.number.sum() == len(points)
    assert (found.mean * found.number).sum() == pytest.approx(y.sum(), abs=1e-9)
    assert (found.error > 0).all()
