"""The generator resembles the real sample where methods depend on it."""

import numpy as np
import pytest
from given import SEED

from hpcml.testing import run_in_memory
from hpcml.workloads.jets import images, synthetic
from hpcml.workloads.jets.steps.synthetic import SyntheticEvents, SyntheticParameters


def test_background_resembles_real_events():
    events = synthetic.background_events(np.random.default_rng(1), 600)
    pixels = images.jet_images(events.constituents)
    assert 20 <= np.median(np.count_nonzero(pixels, axis=(2, 3))) <= 36
    assert 0.25 <= np.median(pixels.max(axis=(2, 3))) <= 0.5
    assert 180 <= np.median(events.mass.max(axis=1)) <= 320
    assert 80 <= np.median(events.mass.min(axis=1)) <= 140
    assert ((events.m_jj >= 2600) & (events.m_jj <= 6000)).all()


def test_signal_resembles_real_events():
    events = synthetic.signal_events(np.random.default_rng(1), 2000)
    assert events.m_jj.mean() == pytest.approx(3443, abs=15)
    assert events.m_jj.std() == pytest.approx(200, abs=20)
    assert ((events.m_jj >= 3000) & (events.m_jj < 4600)).mean() == pytest.approx(0.96, abs=0.015)
    assert np.median(events.mass.max(axis=1)) == pytest.approx(507, rel=0.05)
    assert np.median(events.mass.min(axis=1)) == pytest.approx(123, rel=0.1)


def test_masses_follow_the_dijet_function():
    masses = synthetic.background_masses(np.random.default_rng(2), 200_000)
    # 56366 of 378289 fitted events lie in 3000-3100 of 3000-4600 GeV
    inside = masses[(masses >= 3000) & (masses < 4600)]
    assert (inside < 3100).mean() == pytest.approx(56366 / 378289, abs=0.003)


@pytest.mark.parametrize("generate", [synthetic.background_events, synthetic.signal_events])
def test_constituents(generate):
    events = generate(np.random.default_rng(3), 200)
    pt = events.constituents[..., 0]
    assert (np.diff(pt, axis=-1) <= 0).all()
    assert ((pt == 0) | (pt >= synthetic.MIN_CONSTITUENT_PT)).all()
    assert (events.pt[:, 0] >= events.pt[:, 1]).all()
    assert pt.sum(axis=-1) == pytest.approx(events.pt, rel=0.02)


def test_units_and_extension():
    small = SyntheticEvents(SyntheticParameters(500, 100, block_size=250))
    large = SyntheticEvents(SyntheticParameters(750, 100, block_size=250))
    assert [unit.key for unit in small.units({})] == [
        "background-0000000-0000249",
        "background-0000250-0000499",
        "signal-0000000-0000099",
    ]
    few = run_in_memory(small, seed=SEED)
    many = run_in_memory(large, seed=SEED, order=(3, 2, 1, 0))
    assert np.array_equal(few.tables["images"]["image"][:500], many.tables["images"]["image"][:500])
    assert np.array_equal(few.tables["images"]["image"][500:], many.tables["images"]["image"][750:])
    assert few.tables["images"]["label"].sum() == 100
