"""Principal components: the subspace, back to images, and k-means in them against k-means in pixels."""

import numpy as np
import pytest
from given import SEED

from hpcml.errors import UsageError
from hpcml.numerics.components import reconstruct
from hpcml.testing import run_in_memory
from hpcml.workloads.jets.basis import read_basis, write_basis
from hpcml.workloads.jets.steps.agreement import Agreement, AgreementParameters
from hpcml.workloads.jets.steps.moments import ImageMoments, MomentParameters
from hpcml.workloads.jets.steps.project import ProjectedEvents, ProjectParameters
from hpcml.workloads.jets.steps.scan import ClusterScan, ScanParameters


@pytest.fixture(scope="module")
def projected(simulated):
    moments = run_in_memory(ImageMoments(MomentParameters(block_size=400)), {"images": simulated}, seed=SEED)
    features = run_in_memory(
        ProjectedEvents(ProjectParameters(components=128, block_size=500)),
        {"images": simulated, "moments": moments},
        seed=SEED,
    )
    return moments, features


def test_moments_are_those_of_the_background(simulated, projected):
    table, (moments, _) = simulated.tables["images"], projected
    jets = table["image"][table["label"] == 0].reshape(-1, 1600).astype(float)
    found = moments.tables["moments"]
    assert found["jets"] == len(jets) == 3000
    assert found["total"] == pytest.approx(jets.sum(axis=0), rel=1e-9)
    np.testing.assert_allclose(found["product"], jets.T @ jets, rtol=1e-6, atol=1e-6 * len(jets))


def test_the_basis_is_that_of_the_covariance(simulated, projected):
    table, (_, features) = simulated.tables["images"], projected
    jets = table["image"][table["label"] == 0].reshape(-1, 1600).astype(float)
    values = np.linalg.eigvalsh(np.cov(jets.T, bias=True))[::-1]
    basis = read_basis(features.files()[0][2])
    assert basis.explained == pytest.approx(values[:128].sum() / values.sum(), rel=1e-5)
    assert basis.axes @ basis.axes.T == pytest.approx(np.eye(128), abs=1e-5)
    variance = features.tables["features"]["feature"][table["label"] == 0].reshape(-1, 128).var(axis=0)
    assert variance == pytest.approx(values[:128], rel=1e-2)
    assert (np.diff(variance) <= 1e-9).all()
    assert (np.take_along_axis(basis.axes, np.abs(basis.axes).argmax(axis=1)[:, None], 1) > 0).all()


def test_features_and_residual_are_the_image(simulated, projected):
    """Distances in components are those in pixels up to the residual, and images come back up to it."""
    _, features = projected
    pixels = simulated.tables["images"]["image"].reshape(-1, 1600)
    found = features.tables["features"]
    basis = read_basis(features.files()[0][2])
    back = reconstruct(found["feature"].reshape(-1, 128), basis)
    distance = ((pixels - back).astype(float) ** 2).sum(axis=1)
    assert found["residual"].ravel() == pytest.approx(distance, abs=2e-6)
    assert np.array_equal(found["m_jj"], simulated.tables["images"]["m_jj"])
    assert np.array_equal(found["label"], simulated.tables["images"]["label"])


def test_blocks_decide_nothing_but_rounding(simulated, projected):
    other = run_in_memory(ImageMoments(MomentParameters(block_size=1620)), {"images": simulated}, seed=SEED)
    total = projected[0].tables["moments"]["product"]
    np.testing.assert_allclose(other.tables["moments"]["product"], total, rtol=1e-5, atol=1e-9)


def test_labels_agree_with_those_in_pixels(simulated, projected):
    workload = Agreement(
        AgreementParameters(
            k=20, batch_size=512, train_interval=(2600.0, 3000.0), events=1500, initialisations=3
        )
    )
    found = run_in_memory(workload, {"images": simulated, "features": projected[1]}, seed=SEED)
    summary = workload.summarise(found)
    assert summary["labels_equal"] >= 0.995
    assert summary["inertia_ratio"] == pytest.approx(1, abs=0.03)


def test_a_scan_of_components(simulated, projected):
    small = {"k": 6, "evaluation_interval": (2600.0, 4200.0), "train_interval": (2600.0, 2800.0)}
    scan = ClusterScan(ScanParameters(**small, batch_size=256, resamplings=2, initialisations=2))
    features = projected[1]
    found = run_in_memory(scan, {"images": features}, seed=SEED)
    inside = simulated.tables["images"]
    kept = (inside["m_jj"] >= 2600) & (inside["m_jj"] < 4200) & (inside["label"] == 0)
    assert found.tables["counts"]["background"][0].sum() == 2 * kept.sum()
    pictures = found.tables["centre_images"]["value"].reshape(6, 1600)
    assert pictures.sum(axis=1) == pytest.approx(1, abs=0.02)
    assert {figure.name for figure in scan.report(found, {})} >= {"centre-images"}


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        (ImageMoments(MomentParameters(image_size=30)), "image_size is 30"),
        (
            ProjectedEvents(ProjectParameters(components=2000)),
            "components: 1600 columns have at most as many principal components, not 2000",
        ),
        (Agreement(AgreementParameters()), "holds no basis"),
    ],
)
def test_inputs_that_do_not_fit(simulated, projected, workload, message):
    given = {"images": simulated, "moments": projected[0], "features": simulated}
    with pytest.raises(UsageError, match=message):
        workload.open(given)


def test_a_file_that_is_no_basis(tmp_path):
    (tmp_path / "basis.h5").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="is not a basis of principal components"):
        read_basis(tmp_path / "basis.h5")


def test_the_same_basis_makes_the_same_file(tmp_path, projected):
    basis = read_basis(projected[1].files()[0][2])
    for name in ("one", "two"):
        write_basis(tmp_path / name, basis)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
