"""The dijet fit: known curve, known toy means, awkward spectra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpcml.workloads.jets import dijet, toys
from hpcml.workloads.jets.windows import mass_windows

WINDOWS = mass_windows((3000.0, 4600.0), 100.0, steps=16)
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
    drawn = toys.draw_background(CURVE, 1_000_000, toys=4000, rng=rng)
    found = toys.toy_statistics(drawn, CURVE, WINDOWS, parameters=4)
    assert found.fit_one_sided.mean() == pytest.approx(1.59, abs=0.04)
    assert found.known_one_sided.mean() == pytest.approx(1.76, abs=0.05)
    assert (found.fit_two_sided >= found.fit_one_sided).all()


def test_each_spectrum_is_fitted_for_itself():
    spectra = np.random.default_rng(5).poisson(CURVE / 100, (40, 16))
    together = dijet.fit_dijet(spectra, WINDOWS, parameters=5)
    for row in range(40):
        alone = dijet.fit_dijet(spectra[row], WINDOWS, parameters=5)
        assert np.array_equal(alone.expected, together.expected[row])
        assert alone.chisq_ndof == together.chisq_ndof[row]


def test_more_parameters_never_fit_worse():
    spectra = np.random.default_rng(6).poisson(CURVE / 10, (20, 16))
    ndof = {n: 16 - n for n in (3, 4, 5)}
    chisq = [dijet.fit_dijet(spectra, WINDOWS, parameters=n).chisq_ndof * ndof[n] for n in (3, 4, 5)]
    assert (chisq[0] >= chisq[1] * (1 - 1e-9)).all()
    assert (chisq[1] >= chisq[2] * (1 - 1e-9)).all()


def test_errors_of_the_caller():
    pulled = CURVE.copy()
    pulled[3] *= 1.5
    errors = np.sqrt(CURVE)
    errors[3] = 1e9
    found = dijet.fit_dijet(pulled, WINDOWS, errors=errors)
    assert np.abs(found.expected / CURVE - 1).max() < 2e-4


@given(
    scale=st.floats(-2, 6), slope=st.floats(-30, 30), bend=st.floats(-8, 8),
    parameters=st.sampled_from([3, 4, 5]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_it_converges_from_anywhere(scale, slope, bend, parameters):
    """Whatever the spectrum, no small step along any parameter improves the fit."""
    x = np.linspace(-1, 1, 16)
    mean = 10.0**scale * np.exp(np.clip(slope * x + bend * x**2, -20, 5))
    counts = np.random.default_rng(1).poisson(mean)
    found = dijet.fit_dijet(counts, WINDOWS, parameters=parameters)
    error = np.sqrt(np.maximum(counts, 1))
    best = (((counts - found.expected) / error) ** 2).sum()
    for term in dijet.dijet_basis(WINDOWS, parameters):
        for step in (-1e-3, 1e-3):
            moved = (((counts - found.expected * np.exp(step * term)) / error) ** 2).sum()
            assert moved >= best * (1 - 1e-9) - 1e-9


@pytest.mark.parametrize("parameters", [3, 4, 5])
def test_equal_to_a_general_minimiser(parameters):
    from scipy.optimize import least_squares

    counts = np.random.default_rng(3).poisson(CURVE / 40).astype(float)
    found = dijet.fit_dijet(counts, WINDOWS, parameters=parameters)
    x = WINDOWS.mean(axis=1) / 13000
    log = np.log(x / 0.29)
    terms = np.stack([np.ones(16), np.log1p(-x), log, log**2, log**3][:parameters], axis=1)
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
