"""Every figure of a scan shows the arrays that it is said to show."""

import numpy as np
import pytest

from hpcml.workloads.jets import calibration, labelling, spectra
from hpcml.workloads.jets import statistics as stats
from hpcml.workloads.jets.calibration import SweepPoint
from hpcml.workloads.jets.evaluation import EvaluationSettings
from hpcml.workloads.jets.figures import events as figures_events
from hpcml.workloads.jets.figures import run as figures_run
from hpcml.workloads.jets.figures import scan as figures_scan

WINDOWS = np.stack([3000 + 100.0 * np.arange(16), 3100 + 100.0 * np.arange(16)], axis=1)


@pytest.fixture(scope="module")
def run():
    """(background, signal, rich) of one run with a bump in three of twelve clusters."""
    rng = np.random.default_rng(1)
    shape = np.exp(-np.arange(16) / 7.0)[:, None] * np.linspace(100, 400, 12)
    background = rng.poisson(shape).astype(np.uint32)
    signal = np.zeros_like(background)
    signal[5:7, :3] = 120
    return background, signal, labelling.signal_rich((background + signal)[None], WINDOWS)[0]


def test_mean_images():
    pixels = np.random.default_rng(2).random((30, 2, 40, 40), np.float32)
    label = np.repeat([0, 1, 255], 10).astype(np.uint8)
    figure = figures_events.mean_images(pixels, label, half_width=0.5).figure
    pictures = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(pictures) == 6
    assert figure.axes[0].images[0].get_extent() == [-0.5, 0.5, -0.5, 0.5]
    for number, picture in enumerate(pictures):
        kind, jet = divmod(number, 2)
        mean = pixels[10 * kind : 10 * kind + 10, jet].mean(axis=0, dtype=float)
        assert np.asarray(picture) == pytest.approx(mean.T, abs=1e-7)


def test_null_distribution():
    rng = np.random.default_rng(3)
    null, signal = rng.gamma(9, 0.4, 200), rng.gamma(9, 0.8, 40)
    points = [SweepPoint(0, {}, null, 2.5), SweepPoint(100, {}, signal, float("nan"))]
    axis = figures_scan.null_distribution(points, "mls_two_sided").figure.axes[0]
    assert sum(patch.get_height() for patch in axis.patches[:40]) == 200
    lines = [line.get_xdata()[0] for line in axis.lines]
    assert lines == pytest.approx([2.5, np.median(signal)])
    band = axis.patches[40]
    low, high = np.quantile(signal, [0.25, 0.75])
    assert (band.get_x(), band.get_x() + band.get_width()) == (pytest.approx(low), pytest.approx(high))
    score = calibration.score(np.array([2.5]), null)
    labels = [line.get_label() for line in axis.lines]
    assert f"p = {score.p[0]:.2g}" in labels[0]


def test_cluster_spectra(run):
    background, signal, rich = run
    both = background + signal
    upper, lower = figures_run.cluster_spectra(
        both, rich, windows=WINDOWS, how=EvaluationSettings()
    ).figure.axes
    order = [*np.flatnonzero(~rich), *np.flatnonzero(rich)]
    shares, z = spectra.shares(both), labelling.deviations(both, WINDOWS)
    assert rich[:3].all()
    assert not rich.all()
    for line, cluster in zip(upper.lines[:12], order, strict=True):
        assert line.get_ydata() == pytest.approx(shares[:, cluster])
    for line, cluster in zip(lower.lines[:12], order, strict=True):
        assert line.get_ydata() == pytest.approx(z[:, cluster])
    assert upper.lines[-1].get_ydata() == pytest.approx(spectra.inclusive_shares(both))
    assert lower.lines[-1].get_ydata()[0] == 3.0


def test_rich_and_poor(run):
    background, signal, rich = run
    figure = figures_run.rich_and_poor(background, signal, rich, windows=WINDOWS, injected=360).figure
    upper, lower = figure.axes
    found = stats.rich_and_background_spectra(background + signal, rich, windows=WINDOWS)
    assert upper.containers[1].lines[0].get_ydata() == pytest.approx(found.rich)
    estimate = upper.collections[0].get_segments()
    assert [segment[0][1] for segment in estimate] == pytest.approx(found.background)
    pulls = [bar.get_height() for bar in lower.containers[0]]
    assert pulls == pytest.approx((found.rich - found.background) / np.sqrt(found.variance()))
    assert max(np.abs(pulls)) == pytest.approx(
        float(stats.aggregate_statistics(found, WINDOWS).mls_two_sided)
    )
    truth = [bar.get_height() for bar in upper.containers[2]]
    assert truth == pytest.approx(signal[:, rich].sum(axis=1))


def test_centre_images():
    pixels, jets = np.random.default_rng(4).random((12, 1600), np.float32), np.arange(12)[::-1] * 10
    axes = figures_run.centre_images(pixels, jets).figure.axes
    drawn = [axis for axis in axes if axis.images]
    assert [axis.get_title() for axis in drawn] == [f"{n:,}" for n in sorted(jets, reverse=True)]
    assert np.asarray(drawn[0].images[0].get_array()) == pytest.approx(pixels[0].reshape(40, 40).T)
