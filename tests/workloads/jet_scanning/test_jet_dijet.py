"""The dijet fit: known curve, known toy means, awkward spectra."""

import numpy as np
import pytest

from hpcml.workloads.jet_scanning import counting, dijet

WINDOWS = counting.mass_windows((3000.0, 4600.0), 100.0, steps=16)
# the fit of the full LHC Olympics background, rounded to events
CURVE = np.array(
    [56366, 49216, 42835, 37177, 32187, 27807, 23978, 20643,
     17747, 15238, 13070, 11201, 9592, 8208, 7021, 6002.0]
)  # fmt: skip


def test_known_curve():
    found = dijet.fit_dijet(CURVE, WINDOWS)
    assert np.abs(found.expected / CURVE - 1).max() < 2e-4
    assert found.chisq_ndof < 0.01


def test_toys_have_the_known_mean_excess():
    rng = np.random.default_rng(7)
    refit, known = [], []
    for _ in range(2000):
        total = rng.binomial(1_000_000, CURVE.sum() / 1e6)
        toy = rng.multinomial(total, CURVE / CURVE.sum()).astype(float)
        refit.append(dijet.largest_excess(toy, dijet.fit_dijet(toy, WINDOWS).expected))
        known.append(dijet.largest_excess(toy, CURVE))
    assert np.mean(refit) == pytest.approx(1.59, abs=0.04)
    assert np.mean(known) == pytest.approx(1.76, abs=0.05)


@pytest.mark.parametrize("parameters", [3, 4])
def test_equal_to_a_general_minimiser(parameters):
    from scipy.optimize import least_squares

    counts = np.random.default_rng(3).poisson(CURVE / 40).astype(float)
    found = dijet.fit_dijet(counts, WINDOWS, parameters=parameters)
    x = WINDOWS.mean(axis=1) / 13000
    terms = np.stack([np.ones(16), np.log1p(-x), np.log(x), np.log(x) ** 2][:parameters], axis=1)
    basis = np.linalg.qr(terms)[0]
    start = basis.T @ np.log(found.expected * 1.05)
    best = least_squares(
        lambda p: (counts - np.exp(basis @ p)) / np.sqrt(counts), start, xtol=1e-14, ftol=1e-14
    )
    assert found.expected == pytest.approx(np.exp(basis @ best.x), rel=1e-5)
    assert found.chisq_ndof == pytest.approx(2 * best.cost / (16 - parameters), rel=1e-9)


def test_an_excess_is_seen():
    counts = CURVE / 20
    counts[5] += 6 * np.sqrt(counts[5])
    assert dijet.largest_excess(counts, dijet.fit_dijet(counts, WINDOWS).expected) > 4


@pytest.mark.parametrize("counts", [np.zeros(16), np.eye(16)[3] * 500, np.r_[np.ones(8), np.zeros(8)]])
def test_awkward_spectra_stay_finite(counts):
    found = dijet.fit_dijet(counts, WINDOWS)
    assert np.isfinite(found.expected).all()
    assert np.isfinite(dijet.largest_excess(counts, found.expected))


def test_too_few_windows():
    with pytest.raises(ValueError, match="cannot determine"):
        dijet.fit_dijet(CURVE[:4], WINDOWS[:4])
