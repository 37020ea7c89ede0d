"""Statistics -> null, p and Z: ensembles of initialisations, quartiles that are bounds, crossings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.numerics.pvalues import p_error, z_error
from hpcml.workloads.jets import calibration, significance
from hpcml.workloads.jets.calibration import SweepPoint

RESAMPLING = np.array([0, 0, 0, 1, 1, 1, 2, 2])
INITIALISATION = np.array([2, 0, 1, 0, 1, 2, 0, 1])
VALUES = np.array([9.0, 1.0, 2.0, 3.0, 4.0, 8.0, 5.0, 7.0])


@pytest.mark.parametrize(
    ("how", "size", "numbers", "expected"),
    [
        ("mean", 0, [0, 1, 2], [1.5, 3.5, 6.0]),
        ("mean", 3, [0, 1], [4.0, 5.0]),
        ("median", 3, [0, 1], [2.0, 4.0]),
        ("max", 2, [0, 1, 2], [2.0, 4.0, 7.0]),
        ("min", 1, [0, 1, 2], [1.0, 3.0, 5.0]),
        ("each", 2, [0, 0, 1, 1, 2, 2], [1.0, 2.0, 3.0, 4.0, 5.0, 7.0]),
        ("mean", 4, [], []),
    ],
)
def test_ensembles(how, size, numbers, expected):
    found = calibration.ensembles(RESAMPLING, INITIALISATION, VALUES, size=size, how=how)
    assert found[0].tolist() == numbers
    assert found[1].tolist() == expected


@pytest.mark.parametrize(
    ("z", "bound", "expected"),
    [
        ([0.5, 2.0, 4.0], [0, 0, 0], 250.0),
        ([0.5, 3.0, 4.0], [0, 0, 0], 200.0),
        ([0.5, 2.0, 4.0], [0, 0, 1], None),
        ([0.5, 2.0, 2.5], [0, 0, 0], None),
        ([3.5, 4.0, 5.0], [0, 0, 0], None),
    ],
)
def test_crossing(z, bound, expected):
    found = calibration.crossing(np.array([100.0, 200.0, 300.0]), np.array(z), np.array(bound, bool), level=3)
    assert found.is_reached == (expected is not None)
    if expected:
        assert found.events == pytest.approx(expected)
    else:
        assert np.isnan(found.events)


def test_quartiles_that_are_bounds_are_flagged():
    runs = significance.RunValues(
        "scan",
        injected=np.r_[np.zeros(50), np.full(4, 9)].astype(int),
        resampling=np.r_[np.arange(50), np.arange(4)],
        initialisation=np.zeros(54, int),
        value=np.r_[np.arange(50.0), 48.5, 60, 61, 62],
        signal_to_background=np.zeros(54),
    )
    null, signal = significance.scored(runs, how="mean", size=1)
    assert not null.spread.is_bound[1]
    assert signal.spread.is_bound.tolist() == [True, True, True]
    assert signal.spread.z == pytest.approx([2.0537] * 3, abs=1e-3)
    # one null value is larger than the first: p = 1/50 is known, not a bound
    assert signal.each.is_bound.tolist() == [False, True, True, True]


@given(st.integers(1, 50), st.integers(1, 5), st.randoms())
def test_the_order_of_rows_decides_nothing(resamplings, initialisations, random):
    numbers = np.repeat(np.arange(resamplings), initialisations)
    places = np.tile(np.arange(initialisations), resamplings)
    values = np.sqrt(np.arange(1.0, len(numbers) + 1))
    order = np.array(random.sample(range(len(numbers)), len(numbers)))
    plain = calibration.ensembles(numbers, places, values)
    shuffled = calibration.ensembles(numbers[order], places[order], values[order])
    assert np.array_equal(plain[0], shuffled[0])
    assert np.array_equal(plain[1], shuffled[1])
    assert plain[1] == pytest.approx(values.reshape(resamplings, initialisations).mean(axis=1))


def test_errors_of_scores():
    """None without a null, none of a Z that is a bound."""
    null = np.arange(100.0)
    scores = calibration.score(np.array([80.5, 200.0]), null)
    found = calibration.score_summary(scores, null.size)
    assert found["p"].tolist() == [0.19, 0.0]
    assert found["p_error"] == pytest.approx(p_error([0.19, 0.0], 100))
    assert found["z_error"][0] == pytest.approx(z_error([0.19], 100)[0])
    assert np.isnan(found["z_error"][1])
    assert found["z_is_bound"].tolist() == [False, True]
    nothing = calibration.score_summary(calibration.score(np.array([3.0]), np.zeros(0)), 0)
    assert all(np.isnan(nothing[name]).all() for name in ("p", "p_error", "z", "z_error"))


def test_headline_takes_the_null_of_the_same_swept_values():
    low, high = np.arange(10.0), np.arange(100.0, 110.0)
    points = [
        SweepPoint(0, {"threshold": 2.0}, low, 4.5),
        SweepPoint(0, {"threshold": 3.0}, high, float("nan")),
        SweepPoint(5, {"threshold": 3.0}, high + 5, float("nan")),
    ]
    found = calibration.headline(points, "mls")
    assert found["injected_events"].tolist() == [0, 0, 5]
    assert found["threshold"].tolist() == [2.0, 3.0, 3.0]
    assert found["null_size"].tolist() == found["resamplings"].tolist() == [10, 10, 10]
    assert found["mls_median"].tolist() == [4.5, 104.5, 109.5]
    assert found["mls_median_p"].tolist() == [0.5, 0.5, 0.0]
    assert found["mls_observed_p"][0] == 0.5
    assert np.isnan(found["mls_observed_p"][1:]).all()
