"""Null distributions with marks, data over simulation: what is drawn is what was given."""

import numpy as np
import pytest

from hpcml.plots.distributions import Mark, draw_null, overlay
from hpcml.plots.style import canvas


def test_the_histogram_holds_every_value_of_the_null():
    null = np.random.default_rng(1).normal(3.0, 1.0, 500)
    axis = canvas(4, 3).subplots()
    marks = [Mark(9.0, "observed", "k"), Mark(5.0, "injected", "r", style="--", band=(4.0, 12.0))]
    draw_null(axis, null, marks, label="resamplings")
    assert sum(patch.get_height() for patch in axis.patches[:40]) == 500
    assert [line.get_xdata()[0] for line in axis.lines] == [9.0, 5.0]
    band = axis.patches[40]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((4.0, 12.0))
    low, high = axis.get_xlim()
    assert low == min(0.0, null.min())
    assert high == pytest.approx(1.05 * 12.0)
    assert axis.get_yscale() == "log"
    assert axis.get_legend_handles_labels()[1] == ["resamplings", "observed", "injected"]


@pytest.mark.parametrize("null", [np.zeros(5), np.array([-2.0, -1.0])])
def test_a_null_of_zeros_or_negative_values_has_a_range(null):
    axis = canvas(4, 3).subplots()
    draw_null(axis, null, [], label="null")
    low, high = axis.get_xlim()
    assert low <= null.min() <= null.max() < high
    assert sum(patch.get_height() for patch in axis.patches) == len(null)


def test_data_and_simulation_have_unit_area():
    edges = np.array([0.0, 1.0, 3.0, 4.0])
    data, simulation = np.array([4, 16, 0]), np.array([100, 300, 100])
    axis = canvas(4, 3).subplots()
    overlay(axis, edges, data, simulation, labels=("seen", "expected"))
    drawn = axis.patches[0].get_data()
    assert drawn.edges.tolist() == edges.tolist()
    assert (drawn.values * np.diff(edges)).sum() == pytest.approx(1)
    line, _, (errors,) = axis.containers[0].lines
    assert line.get_xdata().tolist() == [0.5, 2.0, 3.5]
    assert (line.get_ydata() * np.diff(edges)).sum() == pytest.approx(1)
    heights = [segment[1][1] - segment[0][1] for segment in errors.get_segments()]
    assert heights == pytest.approx(2 * np.sqrt(data) / 36)
    assert sorted(axis.get_legend_handles_labels()[1]) == ["expected", "seen"]


def test_an_empty_histogram_is_drawn_as_zeros():
    axis = canvas(4, 3).subplots()
    overlay(axis, np.array([0.0, 1.0, 2.0]), np.zeros(2, int), np.zeros(2, int))
    assert axis.patches[0].get_data().values.tolist() == [0, 0]
