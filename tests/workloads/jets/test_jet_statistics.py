"""Labelling and statistics: gold numbers on real counts, exact zeros, guards."""

import numpy as np
import pytest

from hpcml import seeds
from hpcml.workloads.jets import evaluation, labelling, spectra, statistics


@pytest.fixture(scope="module")
def real_counts(jets_data):
    return np.load(jets_data / "count_windows.npy"), np.load(jets_data / "binning.npy")


def evaluate(counts, windows, threshold):
    rich = labelling.signal_rich(counts[None], windows, threshold=threshold)[0]
    return rich, aggregate(counts, rich, windows)


def aggregate(counts, rich, windows=None, **options):
    windows = WINDOWS if windows is None else windows
    return statistics.aggregate_statistics(
        statistics.rich_and_background_spectra(counts, rich, windows=windows), windows, **options
    )


@pytest.mark.parametrize(("threshold", "number"), [(5, 4), (4, 6), (3, 11)])
def test_number_of_rich_clusters(real_counts, threshold, number):
    assert evaluate(*real_counts, threshold)[0].sum() == number


def test_gold_statistics(real_counts):
    counts, windows = real_counts
    assert statistics.overlap_factor(windows) == pytest.approx(0.17, abs=1e-12)
    five = evaluate(counts, windows, 5)[1]
    assert five.chisq_ndof == pytest.approx(3.508741407313602, abs=1e-7)
    assert five.shape_deviation == pytest.approx(7.236255953934898, rel=1e-9)
    assert five.mls_two_sided == pytest.approx(7.464185705238866, rel=1e-9)
    three = evaluate(counts, windows, 3)[1]
    assert three.mls_two_sided == pytest.approx(6.05716045331529, rel=1e-9)
    assert three.shape_deviation == pytest.approx(5.34412286542195, rel=1e-9)
    assert three.chisq_ndof == pytest.approx(5.07589521499808, rel=1e-9)
    assert three.shape_difference == pytest.approx(0.0015941690456636598, rel=1e-9)
    assert three.mls_one_sided < three.mls_two_sided
    assert five.peak_deviation == pytest.approx(8.331312832299743, rel=1e-9)
    assert five.peak_difference == pytest.approx(0.12802808565314672, rel=1e-9)
    four = evaluate(counts, windows, 4)[1]
    assert four.chisq_ndof == pytest.approx(2.548873572305275, rel=1e-9)
    assert four.peak_deviation == pytest.approx(6.2296794300991705, rel=1e-9)
    assert statistics.degrees_of_freedom(windows) == pytest.approx(33)
    assert five.chisq_deviation == pytest.approx((3.508741407313602 - 1) * 33 / np.sqrt(66), rel=1e-9)


def test_gold_statistics_over_fits_of_each_cluster(real_counts):
    counts, windows = real_counts
    rich = labelling.signal_rich(counts[None], windows, method="maxdev_fit", threshold=3)[0]
    assert rich.sum() == 19
    found = aggregate(counts, rich, windows)
    assert found.chisq_ndof == pytest.approx(2.662628656778171, rel=1e-4)
    assert found.shape_deviation == pytest.approx(3.393522894658254, rel=1e-4)
    assert found.peak_deviation == pytest.approx(3.325519366587771, rel=1e-4)
    assert found.mls_two_sided == pytest.approx(3.958210122682345, rel=1e-4)


def test_two_means_finds_a_small_group_that_differs(real_counts):
    counts, windows = real_counts
    rich = labelling.signal_rich(counts[None], windows, method="two_means", streams=[seeds.stream(1, "x")])[0]
    assert 0 < rich.sum() < 25
    # a resonance in three of twenty clusters
    shape = np.exp(-np.arange(40) / 10.0) * 4000
    bumpy = np.random.default_rng(1).poisson(np.repeat(shape[:, None], 20, axis=1))
    bumpy[12:28, [3, 8, 17]] += 6000
    streams = [seeds.stream(1, "labelling", i) for i in range(2)]
    both = labelling.signal_rich(np.stack([bumpy, bumpy]), None, method="two_means", streams=streams)
    assert np.flatnonzero(both[0]).tolist() == [3, 8, 17]
    assert np.array_equal(both[0], both[1])


def test_two_means_of_equal_spectra_finds_nothing():
    counts = np.repeat(np.arange(20, 4, -1)[:, None], 6, axis=1)
    stream = seeds.stream(1, "x")
    assert not labelling.two_means(counts, stream).any()
    assert not labelling.two_means(counts[:, :1], stream).any()


def test_random_labels_come_from_their_streams():
    counts = np.full((2, 16, 400), 5, np.uint32)
    counts[0, :, 7] = 0
    streams = [seeds.stream(1, "labelling", i) for i in range(2)]
    rich = labelling.signal_rich(counts, WINDOWS, method="random", streams=streams)
    assert 140 < rich[0].sum() < 260
    assert not rich[0, 7]
    assert not np.array_equal(rich[0], rich[1])
    with pytest.raises(ValueError, match="need as many random streams"):
        labelling.signal_rich(counts, WINDOWS, method="random")


@pytest.mark.parametrize("method", ["maxdev", "maxdev_fit"])
def test_a_run_does_not_depend_on_the_runs_beside_it(method):
    counts = np.random.default_rng(6).poisson(60, (30, 16, 20)).astype(np.uint32)
    counts[3, :, 5] = 0
    counts[7, 4:6, 2] += 80
    how = evaluation.EvaluationSettings(labelling=method)
    together = evaluation.evaluate_runs(counts, 0 * counts, WINDOWS, how=how, jets_per_event=2)
    for run in range(30):
        own = counts[run : run + 1]
        alone = evaluation.evaluate_runs(own, 0 * own, WINDOWS, how=how, jets_per_event=2)
        for name, column in alone.items():
            assert np.array_equal(column[0], together[name][run]), name


@pytest.mark.parametrize("rich_error", ["poor_shape", "poor_shape_if_empty", "poisson"])
def test_errors_of_the_rich_spectrum(rich_error):
    """By hand: P = 200 in both windows, R = 10 and 30, so c = 0.1, B = 20."""
    windows = np.array([[0.0, 1.0], [1.0, 2.0]])
    found = aggregate(
        np.array([[200, 10], [200, 30]]), np.array([False, True]), windows, rich_error=rich_error
    )
    own = [20, 20] if rich_error == "poor_shape" else [10, 30]
    assert found.chisq_ndof == pytest.approx(np.mean([100 / (0.1 * 20 + one) for one in own]))
    assert found.mls_two_sided == pytest.approx(10 / np.sqrt(20))


def test_an_empty_rich_window_has_the_error_of_the_poor_shape():
    windows = np.array([[0.0, 1.0], [1.0, 2.0]])
    counts, rich = np.array([[200, 0], [200, 40]]), np.array([False, True])
    found = aggregate(counts, rich, windows, rich_error="poor_shape_if_empty")
    assert found.chisq_ndof == pytest.approx(np.mean([400 / (2 + 20), 400 / (2 + 40)]))


def test_gold_statistics_of_single_clusters(real_counts):
    found = statistics.cluster_statistics(real_counts[0])
    assert found.max_max == pytest.approx(11.945045723153756, rel=1e-9)
    assert found.max_chisq == pytest.approx(16.416701132316398, rel=1e-9)
    assert found.chisq_max == pytest.approx(19.29031965158425, rel=1e-9)
    assert found.chisq_chisq == pytest.approx(3.6746439701724842, rel=1e-9)


WINDOWS = np.stack([np.arange(16) * 100.0, np.arange(16) * 100.0 + 100.0], axis=1)


def test_equal_spectra_give_exact_zeros():
    shape = np.random.default_rng(3).integers(1, 500, 16)
    counts = (shape[:, None] * np.arange(1, 21)).astype(np.uint32)
    rich, found = evaluate(counts, WINDOWS, 3)
    assert not rich.any()
    assert not any(found)


def test_no_counts_at_all():
    rich, found = evaluate(np.zeros((16, 5), np.uint32), WINDOWS, 3)
    assert not rich.any()
    assert not any(found)
    assert statistics.cluster_statistics(np.zeros((16, 5), np.uint32)) == (0.0, 0.0, 0.0, 0.0)


def test_empty_clusters_keep_their_place():
    counts = np.random.default_rng(4).poisson(100, (16, 30)).astype(np.uint32)
    counts[5, 7] += 400
    gaps = np.insert(counts, [3, 20], 0, axis=1)
    rich = labelling.signal_rich(gaps[None], WINDOWS)[0]
    assert np.array_equal(np.delete(rich, [3, 21]), labelling.signal_rich(counts[None], WINDOWS)[0])
    assert rich[8]
    assert not rich[[3, 21]].any()


def test_windows_without_poor_jets_stay_finite():
    counts = np.full((16, 4), 20, np.uint32)
    counts[9, :3] = 0
    found = aggregate(counts, np.array([False, False, False, True]))
    assert np.isfinite(found).all()
    assert found.mls_one_sided > 0


@pytest.mark.parametrize("rich", [np.zeros(4, bool), np.ones(4, bool)])
def test_nothing_to_compare_is_exactly_zero(rich):
    counts = np.random.default_rng(5).poisson(50, (16, 4)).astype(np.uint32)
    found = aggregate(counts, rich)
    assert not any(found)


def test_sums_beyond_32_bits():
    counts = np.full((16, 50), 2**31, np.uint32)
    assert spectra.shares(counts) == pytest.approx(1 / 16)


def test_diagnostics():
    background = np.array([[90, 10], [90, 10]], np.uint32)
    signal = np.array([[1, 9], [0, 0]], np.uint32)
    found = statistics.diagnostics(background, signal, rich=np.array([False, True]))
    assert found.signal_efficiency == 0.9
    assert found.background_efficiency == 0.1
    assert found.significance_improvement == pytest.approx((9 / np.sqrt(20)) / (10 / np.sqrt(200)))
    none = statistics.diagnostics(background, 0 * signal, rich=np.array([False, False]))
    assert none == (0.0, 0.0, 0.0)
