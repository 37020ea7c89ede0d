"""What a resampling consists of: weights, injected events, the digest that tells resamplings apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml import seeds
from hpcml.numerics.bootstrap import multinomial_weights, poisson_weights
from hpcml.workloads.jets import resampling
from hpcml.workloads.jets.counting import idealised_counts


@given(st.integers(0, 300), st.data())
def test_a_small_injection_is_part_of_a_larger_one(size, data):
    few = data.draw(st.integers(0, size))
    many = data.draw(st.integers(few, size))
    small, large = (
        resampling.signal_weights(seeds.stream(1, "signal", 7), size, number) for number in (few, many)
    )
    assert small.sum() == few
    assert large.sum() == many
    assert (small <= large).all()
    assert large.max(initial=0) <= 1


@pytest.mark.parametrize(
    ("kind", "draw"), [("multinomial", multinomial_weights), ("poisson", poisson_weights)]
)
def test_background_weights(kind, draw):
    weights = resampling.background_weights(kind, 3, 500, stream=seeds.stream(1, "weights", 3))
    assert np.array_equal(weights, draw(seeds.stream(1, "weights", 3), 500))
    stream = seeds.stream(1, "weights", -1)
    original = resampling.background_weights(kind, resampling.ORIGINAL, 500, stream=stream)
    assert original.dtype == weights.dtype == np.uint16
    assert (original == 1).all()


@pytest.mark.parametrize(
    ("injected", "fraction", "expected"), [(0, 0.0, 0), (30, 0.0, 30), (0, 0.25, 50), (0, 1.0, 200)]
)
def test_injected_events(injected, fraction, expected):
    resampling.check_injection(injected, fraction)
    assert resampling.injected_events(injected, fraction, 200) == expected


def test_two_numbers_of_signal_events_are_refused():
    with pytest.raises(ValueError, match="set one of them"):
        resampling.check_injection(3, 0.1)


def test_more_signal_than_there_is_is_refused():
    with pytest.raises(ValueError, match="injected is 4, the input holds 3"):
        resampling.signal_weights(seeds.stream(1, "signal"), 3, 4)


def test_the_digest_is_that_of_the_weights():
    background, signal = np.array([1, 2, 0], np.uint16), np.array([0, 1], np.uint16)
    digest = resampling.weight_digest(background, signal)
    # stored in tables of scans: a re-binning compares with it
    assert digest == resampling.weight_digest(background.astype(">u2"), signal)
    assert digest != resampling.weight_digest(background[::-1].copy(), signal)
    assert digest != resampling.weight_digest(background, signal[::-1].copy())


def test_idealised_counts_keep_every_window_total():
    counts = np.random.default_rng(1).poisson(40, (3, 6, 5)).astype(np.uint32)
    counts[2, 0] = 0
    streams = [seeds.stream(1, "ideal", fit) for fit in range(3)]
    ideal = idealised_counts(counts, streams)
    assert np.array_equal(ideal.sum(axis=2), counts.sum(axis=2))
    assert np.array_equal(ideal[:, 0], counts[:, 0])
    # without jets in the first window there are no shares to draw from
    assert np.array_equal(ideal[2], counts[2])
    assert not np.array_equal(ideal[0], counts[0])
