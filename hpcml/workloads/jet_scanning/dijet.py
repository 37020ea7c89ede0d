"""The smooth dijet mass spectrum: the fit that cluster scanning is compared with.

What lives here: the 3- and 4-parameter dijet functions, their least-squares fit, and the largest
excess over it. What does not: clusters. The classical search fits the inclusive spectrum; run on the
same resampling, it tells what the clusters add.

f(m) = p1 (1-x)^p2 x^p3 (4 parameters: x^(p3 + p4 ln x)), x = m / 13 TeV; source: arXiv:2402.17714.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BEAM_ENERGY = 13000.0
MAX_STEPS = 100
CONVERGED = 1e-12


class DijetFit(NamedTuple):
    """expected: float64 (windows,), the fitted curve at the window centres.
    chisq_ndof: sum of squared pulls over degrees of freedom."""

    expected: NDArray[np.float64]
    chisq_ndof: float


def fit_dijet(
    counts: NDArray[np.float64], windows: NDArray[np.float64], *, parameters: Literal[3, 4] = 4
) -> DijetFit:
    """Weighted least squares of the dijet function to `counts` (windows,) in `windows` (n, 2) GeV.

    Errors are sqrt(counts), 1 for empty windows. ln f is linear in (ln p1, p2, p3, p4), nearly
    degenerate ones: the fit runs in orthogonal combinations of them, from the log-linear solution,
    by Gauss-Newton steps that are halved until they improve. Only the curve is returned, since single
    parameters mean little. ValueError unless there are more windows than parameters.
    """
    if len(counts) <= parameters:
        raise ValueError(f"{len(counts)} windows cannot determine {parameters} parameters and a deviation")
    x = windows.mean(axis=1) / BEAM_ENERGY
    terms = (np.ones_like(x), np.log1p(-x), np.log(x), np.log(x) ** 2)
    basis = np.linalg.qr(np.stack(terms[:parameters], axis=1))[0]
    error = np.sqrt(np.maximum(counts, 1.0))

    # error of ln N is 1/sqrt(N); an empty window counts as half a one here, to have a logarithm
    start = np.maximum(counts, 0.5)
    point = np.linalg.lstsq(basis * error[:, None], np.log(start) * error, rcond=None)[0]
    pull, chisq = _pulls(point, basis, counts, error)
    for _ in range(MAX_STEPS):
        slope = (np.exp(basis @ point) / error)[:, None] * basis
        step = np.linalg.lstsq(slope, pull, rcond=None)[0]
        size = 1.0
        trial, trial_chisq = _pulls(point + step, basis, counts, error)
        while not trial_chisq <= chisq and size > 1e-6:
            size *= 0.5
            trial, trial_chisq = _pulls(point + size * step, basis, counts, error)
        gain = chisq - trial_chisq
        if not gain > CONVERGED * max(chisq, CONVERGED):
            break
        point, pull, chisq = point + size * step, trial, trial_chisq
    return DijetFit(np.exp(basis @ point), chisq / (len(counts) - parameters))


def largest_excess(counts: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """max (N - f) / sqrt(f) over windows, at least 0: the one-sided maximal local significance."""
    return max(float(((counts - expected) / np.sqrt(expected)).max()), 0.0)


def _pulls(
    point: NDArray[np.float64],
    basis: NDArray[np.float64],
    counts: NDArray[np.float64],
    error: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    # exponents far beyond any spectrum must not overflow while a step is tried
    curve = np.exp(np.clip(basis @ point, -200.0, 200.0))
    pull: NDArray[np.float64] = (counts - curve) / error
    return pull, float((pull * pull).sum())
