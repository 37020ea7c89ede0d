"""Sizes of showers -> energies: calibration, resolution, efficiency.

Fits and counts of showers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ELECTRON_MASS = 0.00051
PROFILE: Floats = np.linspace(0.0, 300.0, 31, dtype=np.float64)
RESIDUALS: Floats = np.linspace(-1.5, 1.5, 31, dtype=np.float64)
CORE = 0.6


class Line(NamedTuple):
    """E = intercept + slope n, in GeV. points: bins that it was fitted to."""

    intercept: float
    slope: float
    points: int


class Profile(NamedTuple):
    """Mean of each bin that holds anything. size: centres, energy: GeV, error: of the mean, number:
    showers; (bins,)."""

    size: Floats
    energy: Floats
    error: Floats
    number: NDArray[np.int64]


class Peak(NamedTuple):
    """A Gaussian: mean, width and its error; NaN where there was too little to fit."""

    mean: float
    width: float
    error: float


class Resolution(NamedTuple):
    """sigma(E)/E = sqrt(a^2 / E + b^2); NaN where there was too little to fit."""

    a: float
    b: float


def reconstructed(size: NDArray[np.integer], line: Line) -> Floats:
    """Energy in GeV of showers of `size` segments."""
    return np.asarray(line.intercept + line.slope * size, np.float64)


def profile(size: NDArray[np.integer], energy: Floats) -> Profile:
    """Mean energy in 30 bins of size from 0 to 300."""
    place = np.digitize(size, PROFILE) - 1
    inside = (place >= 0) & (place < len(PROFILE) - 1)
    number = np.bincount(place[inside], minlength=len(PROFILE) - 1)
    filled = np.flatnonzero(number)
    rows = [energy[inside][place[inside] == one] for one in filled]
    mean = np.array([one.mean() for one in rows])
    # a single shower has the error that its neighbours have
    spread = np.array([one.std(ddof=1) if len(one) > 1 else np.nan for one in rows])
    usual = np.nanmedian(spread) if np.isfinite(spread).any() else 1.0
    spread = np.where(np.isfinite(spread) & (spread > 0), spread, usual if usual > 0 else 1.0)
    centre = 0.5 * (PROFILE[:-1] + PROFILE[1:])[filled]
    return Profile(centre, mean, spread / np.sqrt(number[filled]), number[filled])


def fit_line(
    size: Floats, energy: Floats, error: Floats | None = None, *, between: tuple[float, float]
) -> Line:
    """Weighted least squares of a straight line to the points with low <= size <= high. ValueError for
    fewer than two."""
    inside = (size >= between[0]) & (size <= between[1])
    if len(np.unique(size[inside])) < 2:
        raise ValueError(
            f"{int(inside.sum())} points between {between[0]:g} and {between[1]:g} segments fit no line"
        )
    weight = np.ones(int(inside.sum())) if error is None else 1.0 / error[inside]
    slope, intercept = np.polyfit(size[inside], energy[inside], 1, w=weight)
    return Line(float(intercept), float(slope), int(inside.sum()))


def fit_peak(residual: Floats, *, edges: Floats = RESIDUALS) -> Peak:
    """Gaussian fit to the histogram of `residual` (n,) within +-0.6; NaN for fewer than three filled bins."""
    from scipy.optimize import curve_fit

    counts = np.histogram(residual, edges)[0].astype(np.float64)
    centre = 0.5 * (edges[:-1] + edges[1:])
    core = np.abs(centre) <= CORE
    nothing = Peak(float("nan"), float("nan"), float("nan"))
    if (counts[core] > 0).sum() < 3:
        return nothing

    def gaussian(x: Floats, height: float, mean: float, width: float) -> Floats:
        curve: Floats = height * np.exp(-0.5 * ((x - mean) / width) ** 2)
        return curve

    start = (counts.max(), 0.0, 0.25)
    try:
        best, covariance = curve_fit(
            gaussian,
            centre[core],
            counts[core],
            start,
            sigma=np.sqrt(np.maximum(counts[core], 1.0)),
            maxfev=10_000,
        )
    except RuntimeError:  # it did not converge: there is no peak to tell of
        return nothing
    return Peak(float(best[1]), abs(float(best[2])), float(np.sqrt(max(covariance[2, 2], 0.0))))


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
    number = len(size)
    if not number:
        return np.full(len(least), np.nan), np.full(len(least), np.nan)
    share = (size[:, None] >= least).sum(axis=0) / number
    return share, np.sqrt(share * (1.0 - share) / number)
