"""Layouts of event files: the same jets from each, clear words for files that are wrong."""

import h5py
import numpy as np
import pandas as pd
import pytest
from given import SEED

from hpcml.directory.inputs import FileInput
from hpcml.errors import UsageError
from hpcml.testing import run_in_memory
from hpcml.workloads.jets import clustering, images, inputs
from hpcml.workloads.jets.steps.images import ImageParameters, JetImages


def write_lhco(path, particles, label=None):
    frame = particles.reshape(len(particles), -1)
    columns = frame if label is None else np.column_stack([frame, label])
    pd.DataFrame(columns).to_hdf(path, key="df", mode="w")


@pytest.fixture(scope="module")
def real(jets_data):
    return inputs.read_events(jets_data / "lhco_rnd_tiny.h5", 0, count=20)


def run(paths, masses=(), **parameters):
    workload = JetImages(ImageParameters(**({"reprocess": "none", "block_size": 8} | parameters)))
    given = {"events": list(paths)} | ({"masses": list(masses)} if masses else {})
    return run_in_memory(workload, given, seed=SEED).tables["images"]


def test_data_without_labels_are_unknown(tmp_path, real):
    write_lhco(tmp_path / "data.h5", real.particles)
    found = run([tmp_path / "data.h5"])
    assert (found["label"] == 255).all()
    assert (run([tmp_path / "data.h5"], label="signal")["label"] == 1).all()


def test_a_value_that_is_not_finite_names_file_and_event(tmp_path, real):
    broken = real.particles.copy()
    broken[13, 4, 1] = np.nan
    write_lhco(tmp_path / "broken.h5", broken, real.label)
    with pytest.raises(UsageError, match=r"broken\.h5: event 13 contains"):
        inputs.read_events(tmp_path / "broken.h5", 10, count=10)
    assert len(inputs.read_events(tmp_path / "broken.h5", 0, count=10).label) == 10


def test_another_number_of_columns_is_refused(tmp_path):
    pd.DataFrame(np.zeros((3, 12))).to_hdf(tmp_path / "few.h5", key="df", mode="w")
    with pytest.raises(UsageError, match="12 columns, expected 2101"):
        inputs.read_events(tmp_path / "few.h5", 0, count=3)


@pytest.fixture(scope="module")
def clustered(real, tmp_path_factory):
    """The jets of real events as four-vectors in single precision, as the clustered layout has them."""
    dijets = clustering.leading_dijets(list(real.particles), by_energy=True)
    pt, eta, phi = np.moveaxis(dijets.constituents, -1, 0)
    momenta = np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1)
    path = tmp_path_factory.mktemp("clustered") / "jets.h5"
    with h5py.File(path, "w") as file:
        file["events"], file["m_jj"] = momenta.astype("f4"), dijets.m_jj.astype("f4")
        file["labels"] = real.label.astype("i8")
    return path, dijets


def test_clustered_jets_give_the_images_of_their_particles(clustered):
    path, dijets = clustered
    found = run([path], layout="clustered", convention="original")
    expected = images.jet_images(dijets.constituents, mirrored=True)
    # single precision moves a constituent across a pixel's edge now and then
    same = np.abs(found["image"] - expected).max(axis=(2, 3)) < 1e-4
    assert same.mean() > 0.9
    assert found["m_jj"] == pytest.approx(dijets.m_jj, rel=1e-6)
    assert found["jet_constituents"].tolist() == (dijets.constituents[..., 0] > 0).sum(axis=-1).tolist()
    assert found["jet_tau"] == pytest.approx(clustering.subjettiness(dijets.constituents), abs=1e-4)
    assert set(found["label"]) <= {0, 1}


def test_ready_images_sorted_by_mass(clustered, tmp_path):
    """Two files, background and signal, with their masses beside them: nothing but the label is set."""
    _, dijets = clustered
    pictures = images.jet_images(dijets.constituents)
    order = np.argsort(dijets.m_jj)
    with h5py.File(tmp_path / "bkg.h5", "w") as file:
        file["data"] = pictures[order]
    np.save(tmp_path / "bkg.npy", dijets.m_jj[order])
    found = run([tmp_path / "bkg.h5"], [tmp_path / "bkg.npy"], layout="images", label="background")
    assert np.array_equal(found["image"], pictures[order])
    assert np.array_equal(found["m_jj"], np.sort(dijets.m_jj))
    assert not found["label"].any()
    assert "jet_pt" not in found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masses": 3}, r"bkg\.npy holds \(3,\) masses, .*bkg\.h5 5 events"),
        ({"shape": (5, 2, 20, 20)}, r"images of shape \(2, 20, 20\), expected \(2, 40, 40\)"),
        ({"files": 2}, "2 files of images and 1 of masses"),
        ({"nan": True}, r"bkg\.npy: event 2 contains a value that is not finite"),
        ({"none": True}, r"bkg\.h5 cannot be read"),
    ],
)
def test_ready_images_that_are_wrong(tmp_path, change, message):
    with h5py.File(tmp_path / "bkg.h5", "w") as file:
        file["data"] = np.full(change.get("shape", (5, 2, 40, 40)), 1 / 1600, "f4")
    masses = np.arange(3000.0, 3000.0 + change.get("masses", 5))
    if "nan" in change:
        masses[2] = np.nan
    np.save(tmp_path / "bkg.npy", masses)
    with pytest.raises(UsageError, match=message):
        run(
            [tmp_path / "bkg.h5"] * change.get("files", 1),
            [] if "none" in change else [tmp_path / "bkg.npy"],
            layout="images",
        )


def test_masses_belong_to_ready_images(tmp_path):
    with pytest.raises(UsageError, match="belongs to layout images"):
        JetImages(ImageParameters()).open(
            {"events": FileInput("events", []), "masses": FileInput("masses", [tmp_path])}
        )


def test_clustered_files_of_another_shape(tmp_path):
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["events"], file["m_jj"] = np.zeros((4, 2, 200, 3)), np.zeros(4)
    with pytest.raises(UsageError, match=r"expected \(n, 2, slots, 4\)"):
        inputs.read_clustered(tmp_path / "odd.h5", 0, count=4)


def test_subjettiness_by_hand():
    """Two prongs of equal pT at a distance of 0.6, each of two particles 0.1 apart."""
    jet = np.zeros((200, 3))
    jet[:4] = (100, 0.0, 3.1), (100, 0.1, 3.1), (100, 0.6, -3.14), (100, 0.7, -3.14)
    tau1, tau2, tau3 = clustering.subjettiness(jet)
    # one axis in the middle, 0.3 from each prong; then one in the middle of each prong
    assert tau1 == pytest.approx(0.3, abs=0.02)
    assert tau2 == pytest.approx(0.05, abs=0.002)
    assert tau3 == pytest.approx(0.025, abs=0.002)
    assert clustering.subjettiness(jet[None, None]).shape == (1, 1, 3)


def test_subjettiness_of_few_constituents_is_zero():
    jet = np.zeros((200, 3))
    jet[:2] = (100, 0.0, 0.0), (50, 0.4, 0.0)
    tau = clustering.subjettiness(jet)
    assert tau[0] > 0.1
    assert tau[1:].tolist() == [0, 0]
    assert not clustering.subjettiness(np.zeros((200, 3))).any()


def test_signal_jets_have_two_prongs(lhco):
    tau, label = lhco.tables["images"]["jet_tau"], lhco.tables["images"]["label"]
    ratio = tau[..., 1] / np.maximum(tau[..., 0], 1e-9)
    assert (tau[..., 0] >= tau[..., 1] - 0.02).all()
    assert np.median(ratio[label == 1, 0]) < 0.8 * np.median(ratio[label == 0, 0])
