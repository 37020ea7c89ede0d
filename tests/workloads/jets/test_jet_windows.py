"""Windows of the dijet mass and exact counting: against a plain loop, borders, overlaps."""

import numpy as np
import pytest

from hpcml.workloads.jets import counting
from hpcml.workloads.jets.windows import cell_edges, cell_of, mass_windows, window_of


def brute_force(labels, masses, weights, windows, k):
    counts = np.zeros((len(windows), k), np.uint32)
    for b, (low, high) in enumerate(windows):
        for event, mass in enumerate(masses):
            if low <= mass < high:
                for jet in labels[event]:
                    counts[b, jet] += weights[event]
    return counts


def count(labels, masses, weights, windows, k):
    cells = cell_of(masses, cell_edges(windows))
    return counting.window_counts(labels, cells, weights=weights, windows=windows, k=k)


@pytest.mark.parametrize("case", range(50))
def test_equal_to_a_plain_loop(case):
    rng = np.random.default_rng(case)
    events, k = int(rng.choice([0, 1, 7, 60])), int(rng.integers(2, 9))
    steps = int(rng.integers(2, 8))
    # disjoint, gapped and overlapping windows; narrow ones stay empty
    width = float(rng.choice([1000 / steps, 40.0, 700.0]))
    windows = mass_windows((1000.0, 2000.0), width, steps=steps)
    masses = rng.uniform(900, 2100, events)
    masses[: events // 3] = rng.choice(windows.ravel(), events // 3)
    labels = rng.integers(0, k, (events, 2)).astype(np.uint16)
    weights = rng.poisson(1, events).astype(np.uint16)
    found = count(labels, masses, weights, windows, k)
    assert found.dtype == np.uint32
    assert np.array_equal(found, brute_force(labels, masses, weights, windows, k))


def test_disjoint_windows_count_every_event_of_the_interval_once():
    rng = np.random.default_rng(8)
    windows = mass_windows((3000.0, 4600.0), 100.0, steps=16)
    masses = np.concatenate([rng.uniform(2900, 4700, 500), windows.ravel()])
    weights = rng.poisson(1, masses.size).astype(np.uint16)
    labels = rng.integers(0, 50, (masses.size, 2)).astype(np.uint16)
    inside = (masses >= 3000) & (masses < 4600)
    found = count(labels, masses, weights, windows, 50)
    assert found.sum(dtype=np.int64) == 2 * weights[inside].sum(dtype=np.int64)


@pytest.mark.parametrize(
    ("interval", "steps"), [((3000.0, 4600.0), 16), ((2600.0, 6000.0), 51), ((0.1, 0.7), 7)]
)
def test_adjacent_windows_share_their_edges_exactly(interval, steps):
    width = (interval[1] - interval[0]) / steps
    windows = mass_windows(interval, width, steps=steps)
    assert np.array_equal(windows[1:, 0], windows[:-1, 1])
    assert len(cell_edges(windows)) == steps + 1


def test_windows_are_half_open():
    windows = mass_windows((3000.0, 3200.0), 100.0, steps=2)
    masses = np.array([3000.0, 3100.0, 3200.0, np.nextafter(3200.0, 0), np.nextafter(3000.0, 0), 0.0])
    found = count(np.zeros((6, 2), int), masses, np.ones(6, int), windows, 1)
    assert found[:, 0].tolist() == [2, 4]


def test_the_window_of_a_mass():
    windows = mass_windows((3000.0, 3400.0), 50.0, steps=3)
    found = window_of(np.array([2999.0, 3000.0, 3049.9, 3050.0, 3175.0, 3399.0, 3400.0]), windows)
    assert found.tolist() == [-1, 0, 0, -1, 1, 2, -1]


def test_a_mass_has_no_window_where_windows_overlap():
    with pytest.raises(ValueError, match="must not overlap"):
        window_of(np.array([3010.0]), mass_windows((3000.0, 3400.0), 200.0, steps=5))
