"""Test statistics: how much signal-rich clusters differ from the scaled signal-poor ones; many runs at once.

Notation: P_b, R_b poor and rich spectra; c = sum R / sum P; B_b = c P_b is the background
estimate. Source: arXiv:2402.17714; where windows overlap, sums are scaled by the factor that
makes their total that of the interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from hpcml.workloads.jets import spectra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LOW_COUNT = 10
RichError = Literal["poor_shape", "poor_shape_if_empty", "poisson"]


class Contrast(NamedTuple):
    """Rich spectrum and its background estimate, float64 (..., windows) each.

    rich: R_b. background: B_b = c P_b. scale: c (...). one: the variance of P_b where no jet was
    counted, namely that of a single one.
    """

    rich: Floats
    background: Floats
    scale: Floats
    one: float

    def variance(self) -> Floats:
        """B_b, or that of a single poor jet: the variance of the estimate up to its scale."""
        return np.maximum(self.background, self.scale[..., None] * self.one)


class AggregateStatistics(NamedTuple):
    """float64 (...) each, maxima and means over windows.

    mls_two_sided: max |R-B|/sqrt(B) (the paper's maximal local significance, as its code has it).
    mls_one_sided: max (R-B)/sqrt(B), at least 0. chisq_ndof: mean of (R-B)^2/(err_B^2+err_R^2).
    chisq_deviation: (chisq_ndof - 1) ndof / sqrt(2 ndof). shape_deviation: max |B/sum B - R/sum R| over its
    error. shape_difference: the same without an error. peak_deviation, peak_difference: with spectra
    divided by their maximum instead of their sum.
    """

    mls_two_sided: Floats
    mls_one_sided: Floats
    chisq_ndof: Floats
    chisq_deviation: Floats
    shape_deviation: Floats
    shape_difference: Floats
    peak_deviation: Floats
    peak_difference: Floats


class ClusterStatistics(NamedTuple):
    """Extremes of single clusters, float64 (...): y/err of the excess, first over windows, then clusters.

    max_max: largest y/err. max_chisq: largest mean square. chisq_max: mean square of the largest
    y/err of each cluster. chisq_chisq: mean square over all windows and clusters.
    """

    max_max: Floats
    max_chisq: Floats
    chisq_max: Floats
    chisq_chisq: Floats


class Diagnostics(NamedTuple):
    """With truth labels, float64 (...): shares of signal and background jets in rich clusters, and the
    gain (S_r/sqrt(B_r))/(S/sqrt(B)); 0 where undefined."""

    signal_efficiency: Floats
    background_efficiency: Floats
    significance_improvement: Floats


def overlap_factor(windows: Floats) -> float:
    """Width of the covered interval over the sum of the widths of `windows` (steps, 2)."""
    widths = windows[:, 1] - windows[:, 0]
    return float((windows[-1, 1] - windows[0, 0]) / widths.sum())


def degrees_of_freedom(windows: Floats) -> float:
    """Windows that are independent of each other: their number times the overlap of left edges."""
    widths = windows[:, 1] - windows[:, 0]
    return float(len(windows) * (windows[-1, 0] - windows[0, 0]) / widths.sum())


def rich_and_background_spectra(
    counts: NDArray[np.integer], rich: NDArray[np.bool_], *, windows: Floats
) -> Contrast:
    """Rich spectrum and scaled poor spectrum of `counts` (..., windows, k); rich (..., k).

    Without rich jets, or without poor ones, there is nothing to compare: both spectra are the
    inclusive one, and every statistic of them is exactly 0.
    """
    factor = overlap_factor(windows)
    inclusive = factor * counts.sum(axis=-1, dtype=np.int64)
    rich_sum = factor * np.where(rich[..., None, :], counts, 0).sum(axis=-1, dtype=np.int64)
    poor_sum = factor * np.where(rich[..., None, :], 0, counts).sum(axis=-1, dtype=np.int64)
    nothing = ~rich_sum.any(axis=-1) | ~poor_sum.any(axis=-1)
    scale = np.where(nothing, 1.0, rich_sum.sum(axis=-1) / np.where(nothing, 1.0, poor_sum.sum(axis=-1)))
    same = nothing[..., None]
    return Contrast(
        np.where(same, inclusive, rich_sum),
        np.where(same, inclusive, scale[..., None] * poor_sum),
        scale,
        factor,
    )


def aggregate_statistics(
    found: Contrast, windows: Floats, *, rich_error: RichError = "poor_shape"
) -> AggregateStatistics:
    """The statistics of a rich spectrum against its background estimate; see the class.

    rich_error: the error of R is that of the poor shape with R's total (R itself is what is tested), the
    same in windows without rich jets only, or sqrt(R).
    """
    observed, expected, scale, one = found
    # a window without poor jets is as uncertain as one with a single poor jet
    variance = found.variance()
    difference = observed - expected
    pull = difference / np.sqrt(variance)
    if rich_error == "poor_shape":
        own = variance
    elif rich_error == "poor_shape_if_empty":
        own = np.where(observed > 0, observed, variance)
    else:
        own = np.maximum(observed, one)
    combined = np.sqrt(scale[..., None] * variance + own)
    total = np.maximum(observed.sum(axis=-1), one)
    chisq_ndof = ((difference / combined) ** 2).mean(axis=-1)
    # nothing was compared where both are the same spectrum: that is no evidence below 1 either
    compared = difference.any(axis=-1)
    ndof = degrees_of_freedom(windows)
    top_r = np.maximum(observed.max(axis=-1, keepdims=True), one)
    top_b = np.maximum(expected.max(axis=-1, keepdims=True), scale[..., None] * one)
    peak = observed / top_r - expected / top_b
    peak_error = np.sqrt(scale[..., None] * variance / top_b**2 + own / top_r**2)
    return AggregateStatistics(
        mls_two_sided=np.abs(pull).max(axis=-1),
        mls_one_sided=np.maximum(pull.max(axis=-1), 0.0),
        chisq_ndof=chisq_ndof,
        chisq_deviation=np.where(compared, (chisq_ndof - 1.0) * ndof / np.sqrt(2.0 * ndof), 0.0),
        shape_deviation=np.abs(difference / combined).max(axis=-1),
        shape_difference=np.abs(difference).max(axis=-1) / total,
        peak_deviation=np.abs(peak / peak_error).max(axis=-1),
        peak_difference=np.abs(peak).max(axis=-1),
    )


def cluster_statistics(counts: NDArray[np.integer]) -> ClusterStatistics:
    """The statistics of single clusters of `counts` (..., windows, k); see the class.

    The error of a count up to 10 is taken from the inclusive shape. Empty clusters take no part.
    """
    filled = spectra.filled_clusters(counts)
    size = np.maximum(counts.sum(axis=-2, keepdims=True, dtype=np.int64), 1)
    inclusive = counts.sum(axis=-1, keepdims=True, dtype=np.int64)
    total = np.maximum(inclusive.sum(axis=-2, keepdims=True), 1)
    variance = np.where(counts <= LOW_COUNT, inclusive / total * size, counts) / size**2
    variance = variance + np.maximum(inclusive, 1) / total**2
    pull = spectra.excess(counts) / np.sqrt(variance)
    number = np.maximum(filled.sum(axis=-1), 1)
    largest, chisq = pull.max(axis=-2), (pull**2).mean(axis=-2)
    none = ~filled.any(axis=-1)

    def over_clusters(values: Floats) -> Floats:
        mean: Floats = np.where(filled, values, 0.0).sum(axis=-1) / number
        return mean

    def most(values: Floats) -> Floats:
        return np.where(none, 0.0, np.where(filled, values, -np.inf).max(axis=-1))

    return ClusterStatistics(most(largest), most(chisq), over_clusters(largest**2), over_clusters(chisq))


def diagnostics(
    background: NDArray[np.integer], signal: NDArray[np.integer], *, rich: NDArray[np.bool_]
) -> Diagnostics:
    """How well `rich` (..., k) separates signal from background counts, both (..., windows, k)."""
    all_b, all_s = (counts.sum(axis=(-2, -1), dtype=np.int64) for counts in (background, signal))
    rich_b, rich_s = (
        np.where(rich[..., None, :], counts, 0).sum(axis=(-2, -1), dtype=np.int64)
        for counts in (background, signal)
    )
    defined = (all_s > 0) & (rich_b > 0)
    inside = rich_s / np.sqrt(np.where(defined, rich_b, 1))
    outside = all_s / np.sqrt(np.where(defined, all_b, 1))
    gain = np.where(defined, inside / np.where(defined, outside, 1.0), 0.0)
    return Diagnostics(rich_s / np.maximum(all_s, 1), rich_b / np.maximum(all_b, 1), gain)
