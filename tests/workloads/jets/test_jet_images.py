"""From particles to images: gold values of real events, invariance, independence of the block."""

import numpy as np
import pytest
from given import SEED
from hypothesis import given, settings
from hypothesis import strategies as st

from hpcml.directory.inputs import FileInput
from hpcml.errors import UsageError
from hpcml.testing import run_in_memory
from hpcml.workloads.jets import clustering, images, inputs, reprocessing, synthetic
from hpcml.workloads.jets.steps.images import ImageParameters, JetImages


@pytest.fixture(scope="module")
def real_jets(jets_data):
    events = inputs.read_events(jets_data / "lhco_rnd_tiny.h5", 0, count=200)
    return clustering.leading_dijets(list(events.particles))


def test_real_events(lhco):
    table = lhco.tables["images"]
    assert np.bincount(table["label"]).tolist() == [907, 93]
    assert np.flatnonzero(table["label"])[:5].tolist() == [4, 8, 19, 24, 33]
    assert table["m_jj"][:5] == pytest.approx([2580.490, 3859.315, 2480.770, 2609.893, 3313.489], abs=0.05)
    assert table["jet_pt"][0] == pytest.approx([1286.73, 1283.22], abs=0.05)
    assert table["jet_mass"][0] == pytest.approx([106.91, 63.16], abs=0.05)
    m_jj, signal = table["m_jj"], table["label"] == 1
    assert np.median(m_jj[~signal]) == pytest.approx(3039, abs=1)
    assert np.median(m_jj[signal]) == pytest.approx(3466, abs=1)


def test_real_images(lhco):
    table = lhco.tables["images"]
    pixels, signal = table["image"], table["label"] == 1
    assert np.abs(pixels.sum(axis=(2, 3), dtype=float) - 1).max() < 1e-6
    first = pixels[0, 0]
    assert np.count_nonzero(first) == 29
    assert np.unravel_index(first.argmax(), first.shape) == (20, 20)
    assert first.max() == pytest.approx(0.91342, abs=1e-3)
    filled = np.count_nonzero(pixels, axis=(2, 3))
    assert np.median(filled[~signal]) == 31
    assert np.median(filled[signal]) == 24


def test_real_reprocessed_images(lhco):
    raw = lhco.tables["images"]["image"][:2]
    smeared = reprocessing.reprocess(raw, "w 0.5 s 1 N")
    assert smeared.dtype == np.float32
    peaks = smeared.max(axis=(2, 3)).ravel()
    assert peaks == pytest.approx([0.076323, 0.076809, 0.022109, 0.030937], abs=1e-4)
    assert np.count_nonzero(smeared, axis=(2, 3)).ravel().tolist() == [537, 397, 1029, 867]
    root = reprocessing.reprocess(raw, "w 0.5 N")
    assert root.max(axis=(2, 3)).ravel() == pytest.approx([0.404587, 0.302706, 0.05793, 0.072404], abs=1e-4)
    assert smeared.sum(axis=(2, 3), dtype=float) == pytest.approx(1, abs=1e-6)


def test_mirror_and_rotation_leave_the_frame_unchanged(real_jets):
    jets = real_jets.constituents.reshape(400, 200, 3)
    moved = jets.copy()
    filled = jets[..., 0] > 0
    moved[..., 1] *= -1
    moved[filled, 2] = (jets[filled, 2] + 2.2 + np.pi) % (2 * np.pi) - np.pi
    before, after = images.jet_frame(jets), images.jet_frame(moved)
    assert len(before.phi) == filled.sum()
    assert np.abs(before.phi - after.phi).max() < 1e-10
    assert np.abs(before.eta - after.eta).max() < 1e-10


def test_frame_is_centred_and_aligned(real_jets):
    frame = images.jet_frame(real_jets.constituents.reshape(400, 200, 3))

    def per_jet(values):
        return np.bincount(frame.jet, frame.pt * values) / np.bincount(frame.jet, frame.pt)

    assert np.abs(per_jet(frame.phi)).max() < 1e-12
    assert np.abs(per_jet(frame.eta)).max() < 1e-12
    assert (per_jet(frame.phi**2) >= per_jet(frame.eta**2)).all()
    assert np.abs(per_jet(frame.phi * frame.eta)).max() < 1e-12
    right, up = frame.phi > 0, frame.eta > 0
    quadrants = [per_jet(mask) for mask in (right & up, ~right & up, ~right & ~up, right & ~up)]
    assert (np.argmax(quadrants, axis=0) == 0).all()


def test_images_do_not_depend_on_the_block():
    jets = synthetic.background_events(np.random.default_rng(1), 60).constituents
    for text in ("none", reprocessing.DEFAULT, "w 0.3 s 0.7 N"):
        together = reprocessing.reprocess(images.jet_images(jets), text)
        for size in (1, 7, 31):
            parts = [jets[first : first + size] for first in range(0, 60, size)]
            apart = np.concatenate([reprocessing.reprocess(images.jet_images(one), text) for one in parts])
            assert np.array_equal(together, apart), (text, size)


def test_block_size_changes_no_event(jets_data, lhco):
    workload = JetImages(ImageParameters(block_size=333, reprocess="none"))
    again = run_in_memory(workload, {"events": jets_data / "lhco_rnd_tiny.h5"}, seed=SEED, order=(3, 2, 1, 0))
    assert again.keys()[:2] == ["events-000000-000332", "events-000333-000665"]
    for name, column in lhco.tables["images"].items():
        assert np.array_equal(column, again.tables["images"][name]), name


def test_keys_are_unique_over_several_files(jets_data):
    path = jets_data / "lhco_rnd_tiny.h5"
    units = list(
        JetImages(ImageParameters(block_size=400)).units({"events": FileInput("events", [path, path])})
    )
    assert [unit.key for unit in units][2:4] == ["events-000800-000999", "events-001000-001399"]
    assert units[3].payload == {"file": 1, "first": 0, "count": 400}


def test_pixels_at_the_border():
    edge = images.HALF_WIDTH
    places = np.array([-edge, edge, np.nextafter(-edge, -1), np.nextafter(edge, 1), 0.0])
    found = images._pixel(places, np.linspace(-edge, edge, 41))
    assert found.tolist() == [0, 39, -1, -1, 20]


@given(st.integers(2, 60), st.lists(st.floats(-1.2, 1.2), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_pixels_are_those_of_a_histogram(size, places):
    edges = np.linspace(-0.8, 0.8, size + 1)
    places = np.array([*places, *edges])
    found = images._pixel(places, edges)
    inside = found[found >= 0]
    assert np.array_equal(np.bincount(inside, minlength=size), np.histogram(places, edges)[0])


def test_the_original_convention_gives_the_same_images(real_jets):
    """Other sign of eta, other reference constituent, other order: the procedure removes all three."""
    jets = real_jets.constituents[:100].reshape(-1, 200, 3)
    by_energy = np.stack([clustering.hardest_first(jet[jet[:, 0] > 0], by_energy=True) for jet in jets])
    assert not np.array_equal(by_energy, jets)
    usual, original = images.jet_images(jets), images.jet_images(by_energy, mirrored=True)
    # a constituent within rounding of a pixel's edge may fall on either side
    assert (np.abs(usual - original).max(axis=(1, 2)) < 1e-6).mean() > 0.98


def test_size_and_width_of_an_image(real_jets):
    jets = real_jets.constituents[:20]
    small = images.jet_images(jets, size=20)
    full = images.jet_images(jets)
    assert small.shape == (20, 2, 20, 20)
    assert small == pytest.approx(full.reshape(20, 2, 20, 2, 20, 2).sum(axis=(3, 5)), abs=1e-6)
    narrow = images.jet_images(jets, size=20, half_width=0.4)
    inner = full[..., 10:30, 10:30]
    assert narrow == pytest.approx(inner / inner.sum(axis=(-2, -1), keepdims=True), abs=1e-5)


def test_events_without_two_jets():
    one = np.zeros((700, 3))
    one[0] = 500.0, 0.1, 3.1
    found = clustering.leading_dijets([np.zeros((700, 3)), one])
    assert found.m_jj.tolist() == [0, 0]
    assert found.pt[1] == pytest.approx([500, 0])
    pictures = images.jet_images(found.constituents)
    assert pictures[1, 0, 20, 20] == 1
    assert not pictures[0].any()
    assert not pictures[1, 1].any()
    assert np.isfinite(reprocessing.reprocess(pictures)).all()


def test_jets_across_the_seam_of_phi_look_like_others():
    jet = np.zeros((1, 200, 3))
    jet[0, :3] = (300, 0.2, 3.1), (200, -0.1, -3.1), (50, 0.3, 3.0)
    moved = jet.copy()
    moved[0, :3, 2] = (jet[0, :3, 2] % (2 * np.pi)) - np.pi
    assert images.jet_frame(jet).phi == pytest.approx(images.jet_frame(moved).phi, abs=1e-12)


def test_constituents_are_the_hardest():
    particles = np.stack([np.arange(1.0, 301.0), np.zeros(300), np.zeros(300)], axis=1)
    kept = clustering.hardest_first(particles)
    assert kept.shape == (200, 3)
    assert kept[0, 0] == 300
    assert kept[-1, 0] == 101


@pytest.mark.parametrize("text", ["w", "w x", "q 1", "s -1", "w nan", "s inf"])
def test_malformed_tokens_are_refused(text):
    with pytest.raises(ValueError, match="token"):
        reprocessing.parse(text)


def test_tokens():
    picture = np.zeros((1, 40, 40), np.float32)
    picture[0, 3, 4], picture[0, 5, 5] = 0.25, 0.75
    assert np.array_equal(reprocessing.reprocess(picture, "none"), picture)
    assert reprocessing.reprocess(picture, "w 0").sum() == 2
    assert reprocessing.reprocess(picture, "w 0.5 N")[0, 3, 4] == pytest.approx(0.5 / (0.5 + 0.75**0.5))
    # reflecting borders keep the sum
    assert reprocessing.reprocess(picture, "s 3").sum() == pytest.approx(1, abs=1e-5)


def test_files_that_are_no_events(tmp_path):
    path = tmp_path / "nothing.h5"
    path.write_bytes(b"no HDF5")
    with pytest.raises(UsageError, match=r"nothing\.h5"):
        inputs.count_events(path)
