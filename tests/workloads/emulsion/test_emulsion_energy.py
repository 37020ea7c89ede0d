"""Energies, residuals, resolution and efficiency: by hand and from known parameters."""

import math

import numpy as np
import pytest

from hpcml.numerics.fits import Line
from hpcml.workloads.emulsion import energy

PUBLISHED = Line(0.42, 0.04, 0)


def test_energies_by_hand():
    energies = energy.reconstructed(np.array([50, 140]), PUBLISHED)
    assert energies == pytest.approx([2.42, 6.02])
    true = energy.true_energy(np.array([-999.0, 6.0]))
    assert np.isnan(true[0])
    assert true[1] == pytest.approx(6.0, abs=1e-6)
    residual = energy.residuals(energies, true)
    assert np.isnan(residual[0])
    assert residual[1] == pytest.approx(0.00333, abs=1e-5)


def test_efficiencies_by_hand():
    share, error = energy.efficiency(np.r_[np.full(30, 100), np.full(90, 49)], np.array([50]))
    assert share[0] == 0.25
    assert error[0] == pytest.approx(0.0395, abs=5e-5)
    assert np.isnan(energy.efficiency(np.zeros(0, int), np.array([50]))).all()


def test_a_primary_may_lose_a_tenth_of_a_gev_before_the_injector():
    injector, primary = np.array([6.0, 5.95, 5.85, -999.0]), np.full(4, 6.0)
    assert energy.began_unradiated(injector, primary).tolist() == [True, True, False, False]


def test_mean_energies_have_bins_of_ten_segments():
    found = energy.mean_energies(np.array([12, 18, 300]), np.array([1.0, 3.0, 50.0]))
    assert found.centre.tolist() == [15]
    assert found.mean.tolist() == [2]


def test_peaks_and_resolution():
    rng = np.random.default_rng(3)
    energies = np.array([3.0, 4.0, 6.0, 8.0, 10.0])
    expected = np.sqrt(0.4**2 / energies + 0.05**2)
    true = np.repeat(energies + rng.uniform(-0.4, 0.4, 5), 4000)
    residual = rng.normal(0.02, np.repeat(expected, 4000))
    peaks = energy.resolution_by_energy(residual, true)
    assert peaks["energy_true"].tolist() == energies.tolist()
    assert peaks["number"].tolist() == [4000] * 5
    assert peaks["mean"] == pytest.approx(0.02, abs=0.02)
    assert peaks["width"] == pytest.approx(expected, rel=0.06)
    found = energy.fit_resolution(energies, peaks["width"], peaks["error"], between=(3.0, 10.0))
    assert found.a == pytest.approx(0.4, abs=0.06)
    assert found.b == pytest.approx(0.05, abs=0.05)


def test_one_energy_has_no_resolution_curve():
    one = (np.array([4.0]), np.array([0.2]), np.array([0.1]))
    assert math.isnan(energy.fit_resolution(*one, between=(3.0, 10.0)).a)


def test_the_resolution_looks_at_its_energies_alone():
    energies = np.array([1.0, 3.0, 6.0, 10.0, 20.0])
    width = np.sqrt(0.4**2 / energies + 0.05**2)
    width[[0, 4]] = 9.0
    found = energy.fit_resolution(energies, width, np.full(5, 0.01), between=(3.0, 10.0))
    assert (found.a, found.b) == (pytest.approx(0.4), pytest.approx(0.05))
