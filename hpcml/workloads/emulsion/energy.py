"""Sizes of showers -> energies: calibration, residuals, resolution, efficiency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.numerics.fits import Line, Peak, fit_gaussian_peak
from hpcml.numerics.histograms import Profile, profile
from hpcml.numerics.intervals import binomial_efficiency

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ELECTRON_MASS = 0.00051  # GeV
SIZE_BINS: Floats = np.linspace(0.0, 300.0, 31, dtype=np.float64)
RESIDUAL_BINS: Floats = np.linspace(-1.5, 1.5, 31, dtype=np.float64)
RESIDUAL_CORE = 0.6
SIZE_THRESHOLDS = np.arange(10, 101, 10)
MAX_LOSS_GEV = 0.1
# the sample of a shower: none, the one that calibrates, the one that nothing is fitted to
NO_SAMPLE, CALIBRATION, TEST = 0, 1, 2


class Resolution(NamedTuple):
    """sigma(E)/E = sqrt(a^2 / E + b^2), E in GeV; NaN where there was too little to fit."""

    a: float
    b: float


def true_energy(momentum: Floats) -> Floats:
    """Energy in GeV of electrons of `momentum` (n,) in GeV; NaN where the momentum is not known."""
    return np.where(momentum > 0, np.sqrt(momentum**2 + ELECTRON_MASS**2), np.nan)


def reconstructed(size: NDArray[Any], line: Line) -> Floats:
    """Energy in GeV of showers of `size` (n,) segments."""
    return np.asarray(line.intercept + line.slope * size, np.float64)


def residuals(energy: Floats, true: Floats) -> Floats:
    """(energy - true) / true, (n,); NaN where the true energy is."""
    known = np.isfinite(true)
    return np.where(known, (energy - true) / np.where(known, true, 1.0), np.nan)


def began_unradiated(injector: Floats, primary: Floats) -> NDArray[np.bool_]:
    """Whether injectors carry all but 0.1 GeV of the primary's momentum (n,): a shower that begins with less
    says little about its energy."""
    return np.asarray(injector > primary - MAX_LOSS_GEV, np.bool_)


def mean_energies(size: NDArray[np.integer], energy: Floats) -> Profile:
    """Mean energy in GeV in 30 bins of size from 0 to 300."""
    return profile(size, energy, SIZE_BINS)


def fit_residual_peak(residual: Floats, edges: Floats = RESIDUAL_BINS) -> Peak:
    """Gaussian of relative residuals (n,) within +-0.6."""
    return fit_gaussian_peak(residual, edges, RESIDUAL_CORE)


def resolution_by_energy(residual: Floats, true: Floats) -> dict[str, NDArray[Any]]:
    """The peak of the residuals (n,) at each true energy, rounded to a GeV: (energies,) each of energy_true,
    mean, width, error (of the width), number."""
    rounded = np.rint(true)
    energies = np.unique(rounded)
    samples = [residual[rounded == energy] for energy in energies]
    peaks = [fit_residual_peak(sample) for sample in samples]
    return {
        "energy_true": energies.astype(np.float64),
        "mean": np.array([peak.mean for peak in peaks], np.float64),
        "width": np.array([peak.width for peak in peaks], np.float64),
        "error": np.array([peak.width_error for peak in peaks], np.float64),
        "number": np.array([len(sample) for sample in samples], np.uint32),
    }


def fit_resolution(
    energy: Floats, width: Floats, error: Floats, *, between: tuple[float, float]
) -> Resolution:
    """sqrt(a^2 / E + b^2) through the widths at each energy (n,) with low <= E <= high; NaN for fewer than
    two points."""
    known = np.isfinite(width) & np.isfinite(error) & (error > 0)
    known &= (energy >= between[0] - ELECTRON_MASS) & (energy <= between[1] + ELECTRON_MASS)
    if known.sum() < 2:
        return Resolution(float("nan"), float("nan"))
    # linear in 1/E for the squared width, with both terms at least 0
    from scipy.optimize import nnls

    scale = 1.0 / (2.0 * width[known] * error[known])
    terms = np.stack([1.0 / energy[known], np.ones(int(known.sum()))], axis=1)
    found = nnls(terms * scale[:, None], width[known] ** 2 * scale)[0]
    return Resolution(float(np.sqrt(found[0])), float(np.sqrt(found[1])))


def efficiency(size: NDArray[np.integer], least: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Share of showers with at least `least` (m,) segments, and its binomial error: (m,) each, NaN without
    showers."""
    return binomial_efficiency((size[:, None] >= least).sum(axis=0), len(size))
