"""Labelling and statistics: gold numbers on real counts, exact zeros, guards."""

import numpy as np
import pytest

from hpcml.workloads.jet_scanning import spectra, statistics


@pytest.fixture(scope="module")
def real_counts(jets_data):
    return np.load(jets_data / "count_windows.npy"), np.load(jets_data / "binning.npy")


def evaluate(counts, windows, threshold):
    rich = spectra.signal_rich(counts, threshold)
    return rich, statistics.aggregate_statistics(statistics.contrast(counts, rich, windows=windows))


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
    assert found == (0.0, 0.0, 0.0, 0.0, 0.0)


def test_no_counts_at_all():
    rich, found = evaluate(np.zeros((16, 5), np.uint32), WINDOWS, 3)
    assert not rich.any()
    assert found == (0.0, 0.0, 0.0, 0.0, 0.0)
    assert statistics.cluster_statistics(np.zeros((16, 5), np.uint32)) == (0.0, 0.0, 0.0, 0.0)


def test_empty_clusters_keep_their_place():
    counts = np.random.default_rng(4).poisson(100, (16, 30)).astype(np.uint32)
    counts[5, 7] += 400
    gaps = np.insert(counts, [3, 20], 0, axis=1)
    rich = spectra.signal_rich(gaps, 3)
    assert np.array_equal(np.delete(rich, [3, 21]), spectra.signal_rich(counts, 3))
    assert rich[8]
    assert not rich[[3, 21]].any()


def test_windows_without_poor_jets_stay_finite():
    counts = np.full((16, 4), 20, np.uint32)
    counts[9, :3] = 0
    found = statistics.aggregate_statistics(
        statistics.contrast(counts, np.array([False, False, False, True]), windows=WINDOWS)
    )
    assert np.isfinite(found).all()
    assert found.mls_one_sided > 0


@pytest.mark.parametrize("rich", [np.zeros(4, bool), np.ones(4, bool)])
def test_nothing_to_compare_is_exactly_zero(rich):
    counts = np.random.default_rng(5).poisson(50, (16, 4)).astype(np.uint32)
    found = statistics.aggregate_statistics(statistics.contrast(counts, rich, windows=WINDOWS))
    assert found == (0.0, 0.0, 0.0, 0.0, 0.0)


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
