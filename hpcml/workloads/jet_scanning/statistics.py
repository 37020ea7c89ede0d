"""Test statistics: how much signal-rich clusters differ from the scaled signal-poor ones.

What lives here: the aggregated statistics (rich against poor), those of single clusters, and the
diagnostics with truth labels. What does not: the labelling (spectra.py), p-values (numerics/).

Notation: P_b, R_b poor and rich spectra; c = sum R / sum P; B_b = c P_b is the background
estimate. Source: arXiv:2402.17714; where windows overlap, sums are scaled by the factor that
makes their total that of the interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hpcml.workloads.jet_scanning.spectra import excess

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOW_COUNT = 10


class Contrast(NamedTuple):
    """Rich spectrum and its background estimate per window, float64 (windows,) each.

    rich: R_b. background: B_b = c P_b. scale: c. one: the variance of P_b where no jet was
    counted, namely that of a single one.
    """

    rich: NDArray[np.float64]
    background: NDArray[np.float64]
    scale: float
    one: float


class AggregateStatistics(NamedTuple):
    """mls_two_sided: max |R-B|/sqrt(B) (the paper's maximal local significance, as its code has
    it). mls_one_sided: max (R-B)/sqrt(B), at least 0. chisq_ndof: mean of (R-B)^2/(err_B^2+err_R^2).
    shape_deviation: max |B/sum B - R/sum R| over its error. shape_difference: the same without
    an error."""

    mls_two_sided: float
    mls_one_sided: float
    chisq_ndof: float
    shape_deviation: float
    shape_difference: float


class ClusterStatistics(NamedTuple):
    """Extremes of single clusters: y/err of the excess, first over windows, then over clusters.

    max_max: largest y/err. max_chisq: largest mean square. chisq_max: mean square of the largest
    y/err of each cluster. chisq_chisq: mean square over all windows and clusters.
    """

    max_max: float
    max_chisq: float
    chisq_max: float
    chisq_chisq: float


class Diagnostics(NamedTuple):
    """With truth labels: shares of signal and background jets in rich clusters, and the gain
    (S_r/sqrt(B_r))/(S/sqrt(B)); 0 where undefined."""

    signal_efficiency: float
    background_efficiency: float
    significance_improvement: float


def overlap_factor(windows: NDArray[np.float64]) -> float:
    """Width of the covered interval over the sum of the widths of `windows` (steps, 2)."""
    widths = windows[:, 1] - windows[:, 0]
    return float((windows[-1, 1] - windows[0, 0]) / widths.sum())


def contrast(
    counts: NDArray[np.integer], rich: NDArray[np.bool_], *, windows: NDArray[np.float64]
) -> Contrast:
    """Rich spectrum and scaled poor spectrum of `counts` (windows, k).

    Without rich jets, or without poor ones, there is nothing to compare: both spectra are the
    inclusive one, and every statistic of them is exactly 0.
    """
    factor = overlap_factor(windows)
    poor_sum = factor * counts[:, ~rich].sum(axis=1, dtype=np.int64)
    rich_sum = factor * counts[:, rich].sum(axis=1, dtype=np.int64)
    if not rich_sum.any() or not poor_sum.any():
        inclusive = factor * counts.sum(axis=1, dtype=np.int64)
        return Contrast(inclusive, inclusive, 1.0, factor)
    scale = float(rich_sum.sum() / poor_sum.sum())
    return Contrast(rich_sum, scale * poor_sum, scale, factor)


def aggregate_statistics(spectra: Contrast) -> AggregateStatistics:
    """The statistics of a rich spectrum against its background estimate; see the class."""
    observed, expected, scale, one = spectra
    # a window without poor jets is as uncertain as one with a single poor jet
    variance = np.maximum(expected, scale * one)
    difference = observed - expected
    pull = difference / np.sqrt(variance)
    # errors of the rich spectrum from the shape of the poor one: R itself is what is tested
    combined = np.sqrt(scale * variance + variance)
    total = max(float(observed.sum()), one)
    return AggregateStatistics(
        mls_two_sided=float(np.abs(pull).max()),
        mls_one_sided=max(float(pull.max()), 0.0),
        chisq_ndof=float(((difference / combined) ** 2).mean()),
        shape_deviation=float(np.abs(difference / combined).max()),
        shape_difference=float(np.abs(difference).max() / total),
    )


def cluster_statistics(counts: NDArray[np.integer]) -> ClusterStatistics:
    """The statistics of single clusters of `counts` (windows, k); see the class.

    The error of a count up to 10 is taken from the inclusive shape. Empty clusters take no part.
    """
    occupied = counts[:, counts.sum(axis=0, dtype=np.int64) > 0]
    if occupied.size == 0:
        return ClusterStatistics(0.0, 0.0, 0.0, 0.0)
    size = occupied.sum(axis=0, dtype=np.int64)
    inclusive = occupied.sum(axis=1, dtype=np.int64)
    total = int(inclusive.sum())
    expected = inclusive[:, None] / total * size
    variance = np.where(occupied <= LOW_COUNT, expected, occupied) / size**2
    variance = variance + (np.maximum(inclusive, 1) / total**2)[:, None]
    pull = excess(occupied) / np.sqrt(variance)
    largest, chisq = pull.max(axis=0), (pull**2).mean(axis=0)
    return ClusterStatistics(
        max_max=float(largest.max()),
        max_chisq=float(chisq.max()),
        chisq_max=float((largest**2).mean()),
        chisq_chisq=float(chisq.mean()),
    )


def diagnostics(
    background: NDArray[np.integer], signal: NDArray[np.integer], *, rich: NDArray[np.bool_]
) -> Diagnostics:
    """How well `rich` (k,) separates signal from background counts, both (windows, k)."""
    all_b, all_s = int(background.sum(dtype=np.int64)), int(signal.sum(dtype=np.int64))
    rich_b = int(background[:, rich].sum(dtype=np.int64))
    rich_s = int(signal[:, rich].sum(dtype=np.int64))
    gain = 0.0
    if all_s and rich_b:
        gain = float((rich_s / np.sqrt(rich_b)) / (all_s / np.sqrt(all_b)))
    return Diagnostics(rich_s / max(all_s, 1), rich_b / max(all_b, 1), gain)
