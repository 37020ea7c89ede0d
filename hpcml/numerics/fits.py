"""Fits with few parameters: a weighted straight line, a Gaussian peak in a histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MIN_FILLED_BINS = 3


class Line(NamedTuple):
    """y = intercept + slope x. points: that it was fitted to, 0 for a line that was given."""

    intercept: float
    slope: float
    points: int


class Peak(NamedTuple):
    """A Gaussian: its mean and width with their errors; NaN where there was too little to fit."""

    mean: float
    width: float
    mean_error: float
    width_error: float


NO_PEAK = Peak(float("nan"), float("nan"), float("nan"), float("nan"))


def fit_line(x: Floats, y: Floats, error: Floats | None = None, *, between: tuple[float, float]) -> Line:
    """Weighted least squares of a straight line to the points (n,) with low <= x <= high.

    error: of y; None weights all alike. ValueError for fewer than two different x.
    """
    inside = (x >= between[0]) & (x <= between[1])
    if len(np.unique(x[inside])) < 2:
        raise ValueError(
            f"{int(inside.sum())} points between {between[0]:g} and {between[1]:g} do not determine a line"
        )
    weight = np.ones(int(inside.sum())) if error is None else 1.0 / error[inside]
    slope, intercept = np.polyfit(x[inside], y[inside], 1, w=weight)
    return Line(float(intercept), float(slope), int(inside.sum()))


def fit_gaussian_peak(sample: Floats, edges: Floats, core: float) -> Peak:
    """Gaussian fitted to the histogram of `sample` (n,) with `edges`, to bins whose centre is within +-core.

    The peak is looked for near 0, some core / 2 wide. Bins weigh by the square root of their count. NaN for
    fewer than three filled bins, and when the fit does not converge.
    """
    from scipy.optimize import curve_fit

    counts = np.histogram(sample, edges)[0].astype(np.float64)
    centre = 0.5 * (edges[:-1] + edges[1:])
    near = np.abs(centre) <= core
    if (counts[near] > 0).sum() < MIN_FILLED_BINS:
        return NO_PEAK

    def gaussian(x: Floats, height: float, mean: float, width: float) -> Floats:
        curve: Floats = height * np.exp(-0.5 * ((x - mean) / width) ** 2)
        return curve

    # the last bits of a fit depend on where it starts
    start = (counts.max(), 0.0, core / 2.4)
    sigma = np.sqrt(np.maximum(counts[near], 1.0))
    try:
        best, covariance = curve_fit(gaussian, centre[near], counts[near], start, sigma=sigma, maxfev=10_000)
    except RuntimeError:  # it did not converge
        return NO_PEAK
    mean_error, width_error = (float(np.sqrt(max(covariance[one, one], 0.0))) for one in (1, 2))
    return Peak(float(best[1]), abs(float(best[2])), mean_error, width_error)
