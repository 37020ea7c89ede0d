"""Pseudo-experiments of the classical search: smooth background, injected signal, refit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hpcml.workloads.jets import dijet

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ToyStatistics(NamedTuple):
    """float64 (toys,) each: maximal local significance of the toy over its own fit, one- and two-sided, and
    over the true curve."""

    fit_one_sided: NDArray[np.float64]
    fit_two_sided: NDArray[np.float64]
    known_one_sided: NDArray[np.float64]
    known_two_sided: NDArray[np.float64]


def draw_background(
    curve: NDArray[np.float64], total: int, *, toys: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Binned background of `toys` pseudo-experiments, int64 (toys, windows).

    curve: float64 (windows,), expected background; total: background events of the complete file. How
    many of them fall into the windows is binomial, where is multinomial. ValueError for a curve above
    `total`.
    """
    if curve.sum() > total:
        raise ValueError(f"the curve holds {curve.sum():.0f} events, the file {total}")
    inside = rng.binomial(total, curve.sum() / total, toys)
    counts: NDArray[np.int64] = rng.multinomial(inside, curve / curve.sum())
    return counts


def draw_signal(
    cells: NDArray[np.int64], injected: int, *, windows: int, toys: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Binned signal of `toys` pseudo-experiments, int64 (toys, windows): subsets without replacement.

    cells: int64 (signal events,), window of each or -1. ValueError for more `injected` than there are.
    """
    if injected > len(cells):
        raise ValueError(f"injected is {injected}, the input holds {len(cells)} signal events")
    counts = np.zeros((toys, windows), np.int64)
    # all toys at once would need toys x signal events: one after the other needs one permutation
    for toy in counts[:] if injected else ():
        chosen = cells[rng.permutation(len(cells))[:injected]]
        toy += np.bincount(chosen[chosen >= 0], minlength=windows)
    return counts


def toy_statistics(
    counts: NDArray[np.int64],
    curve: NDArray[np.float64],
    windows: NDArray[np.float64],
    *,
    parameters: dijet.FitParameters,
) -> ToyStatistics:
    """Statistics of toys `counts` (toys, windows) with the fit of each, and with the true `curve`."""
    fitted = dijet.fit_dijet(counts, windows, parameters=parameters).expected
    return ToyStatistics(
        dijet.largest_excess(counts, fitted),
        dijet.largest_deviation(counts, fitted),
        dijet.largest_excess(counts, curve),
        dijet.largest_deviation(counts, curve),
    )
