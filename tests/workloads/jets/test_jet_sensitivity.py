"""Does the whole chain find a resonance, and nothing where there is none? The complete size behind `long`."""

from dataclasses import dataclass

import numpy as np
import pytest
from given import SEED
from scipy.stats import kstest

from hpcml.testing import run_in_memory
from hpcml.workloads.jets import calibration
from hpcml.workloads.jets.evaluation import EvaluationSettings
from hpcml.workloads.jets.steps.agreement import Agreement, AgreementParameters
from hpcml.workloads.jets.steps.moments import ImageMoments, MomentParameters
from hpcml.workloads.jets.steps.project import ProjectedEvents, ProjectParameters
from hpcml.workloads.jets.steps.scan import ClusterScan, ScanParameters
from hpcml.workloads.jets.steps.synthetic import SyntheticEvents, SyntheticParameters


@dataclass(frozen=True)
class Size:
    """background: events. k, batch: of k-means. null, signal: resamplings. injected: events, small and large.
    above: the medians with signal lie above these. gain: of the median Z over the fit, at the small one."""

    background: int
    k: int
    batch: int
    null: int
    signal: int
    injected: tuple[int, int]
    above: tuple[float, float]
    gain: float
    train: tuple[float, float] = (3000.0, 3100.0)


SIZES = [
    pytest.param(Size(8000, 20, 512, 120, 24, (150, 300), (5.0, 9.0), 0.5), id="small"),
    pytest.param(
        Size(30_000, 50, 2048, 120, 60, (200, 400), (5.0, 10.0), 0.8), id="whole", marks=pytest.mark.long
    ),
]


@pytest.fixture(scope="module", params=SIZES)
def size(request):
    return request.param


@pytest.fixture(scope="module")
def sample(size):
    """(images, components) of the simulated events."""
    parameters = SyntheticParameters(size.background, size.injected[1], block_size=1000)
    images = run_in_memory(SyntheticEvents(parameters), seed=SEED)
    moments = run_in_memory(ImageMoments(MomentParameters(block_size=5000)), {"images": images}, seed=SEED)
    projected = ProjectedEvents(ProjectParameters(block_size=5000))
    return images, run_in_memory(projected, {"images": images, "moments": moments}, seed=SEED)


def scan(size, **changes):
    defaults = {
        "k": size.k, "batch_size": size.batch, "evaluation": EvaluationSettings(fit_parameters=3),
        "include_original": False, "train_interval": size.train,
    }  # fmt: skip
    return ClusterScan(ScanParameters(**(defaults | changes)))


@pytest.fixture(scope="module")
def null(size, sample):
    found = run_in_memory(scan(size, resamplings=size.null), {"images": sample[1]}, seed=SEED)
    return found.tables["statistics"]


@pytest.fixture(scope="module")
def injected(size, sample):
    """Statistics with each number of injected events, on resamplings that the null does not hold."""
    found = {}
    for number in size.injected:
        workload = scan(size, first_resampling=5000, resamplings=size.signal, injected=number)
        found[number] = run_in_memory(workload, {"images": sample[1]}, seed=SEED).tables["statistics"]
    return found


def test_the_null_is_neither_empty_nor_wide(null):
    values = null["mls_two_sided"]
    assert 2.8 <= np.median(values) <= 4.2
    assert (values == 0).mean() <= 0.05


def test_signal_is_seen(size, null, injected):
    for number, above in zip(size.injected, size.above, strict=True):
        assert np.median(injected[number]["mls_two_sided"]) > above
    assert np.median(injected[size.injected[1]]["mls_two_sided"]) > null["mls_two_sided"].max()


def test_it_sees_more_than_the_fit(size, null, injected):
    z = {}
    for name in ("mls_two_sided", "fit_one_sided"):
        values = injected[size.injected[0]][name]
        z[name] = np.median(calibration.score(values, null[name]).z)
    assert z["mls_two_sided"] - z["fit_one_sided"] >= size.gain


def test_without_signal_p_is_uniform(size, sample, null):
    fresh = run_in_memory(
        scan(size, first_resampling=9000, resamplings=size.null // 4), {"images": sample[1]}, seed=SEED
    )
    p = calibration.score(fresh.tables["statistics"]["mls_two_sided"], null["mls_two_sided"]).p
    assert kstest(p, "uniform").pvalue > 0.01


def test_training_on_signal_changes_little_where_there_is_none(size, sample, injected):
    """The training window 3000-3100 GeV holds almost no signal."""
    number = size.injected[0]
    workload = scan(
        size, first_resampling=5000, resamplings=size.signal, injected=number, train_on_signal=False
    )
    without = run_in_memory(workload, {"images": sample[1]}, seed=SEED).tables["statistics"]["mls_two_sided"]
    low, middle, high = np.quantile(injected[number]["mls_two_sided"], [0.25, 0.5, 0.75])
    assert abs(np.median(without) - middle) < high - low


def test_components_stand_for_pixels(size, sample):
    workload = Agreement(AgreementParameters(k=size.k, batch_size=size.batch, initialisations=3))
    found = run_in_memory(workload, {"images": sample[0], "features": sample[1]}, seed=SEED)
    summary = workload.summarise(found)
    assert summary["labels_equal"] >= 0.995
    assert summary["inertia_ratio"] == pytest.approx(1, abs=0.01)


def test_idealised_clusters_know_nothing_of_the_mass(size, sample, null):
    found = run_in_memory(
        scan(size, resamplings=size.null // 4, idealised=True), {"images": sample[1]}, seed=SEED
    )
    ideal, real = found.tables["counts"], found.tables["statistics"]
    first = ideal["background"][:, 0].astype(float)
    later = ideal["background"][:, 1:].sum(axis=1).astype(float)
    expected = first / first.sum(axis=1, keepdims=True) * later.sum(axis=1, keepdims=True)
    # drawn from the shares of the first window: a multinomial about them
    assert (((later - expected) ** 2 / np.maximum(expected, 1)).sum(axis=1) / size.k).mean() == pytest.approx(
        1, abs=0.3
    )
    assert np.median(real["mls_two_sided"]) < np.median(null["mls_two_sided"]) + 0.5
