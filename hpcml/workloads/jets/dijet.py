"""The smooth dijet mass spectrum: the fit that cluster scanning is compared with, of many spectra at once.

f(m) = p1 (1-x)^p2 x^(p3 + p4 ln x + p5 ln^2 x), x = m / 13 TeV, the last terms left out for fewer
parameters; source: arXiv:2402.17714.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FitParameters = Literal[3, 4, 5]
BEAM_ENERGY = 13000.0
MAX_STEPS = 200
CONVERGED = 1e-13
LARGEST_EXPONENT = 200.0


class DijetFit(NamedTuple):
    """expected: float64 (..., windows), the fitted curve at the window centres.
    chisq_ndof: float64 (...), sum of squared pulls over degrees of freedom."""

    expected: NDArray[np.float64]
    chisq_ndof: NDArray[np.float64]


def dijet_basis(windows: NDArray[np.float64], parameters: FitParameters) -> NDArray[np.float64]:
    """Orthonormal float64 (parameters, windows) that spans ln f at the centres of `windows` (n, 2) GeV."""
    x = windows.mean(axis=1) / BEAM_ENERGY
    # powers of ln x about its middle: the same span, but the columns are not nearly parallel
    log = np.log(x) - np.log(x).mean()
    terms = (np.ones_like(x), np.log1p(-x), log, log**2, log**3)
    return np.ascontiguousarray(np.linalg.qr(np.stack(terms[:parameters], axis=1))[0].T)


def fit_dijet(
    counts: NDArray[Any],
    windows: NDArray[np.float64],
    *,
    parameters: FitParameters = 4,
    errors: NDArray[np.float64] | None = None,
) -> DijetFit:
    """Weighted least squares of the dijet function to `counts` (..., windows) in `windows` (n, 2) GeV.

    errors: as counts, > 0; without, sqrt(counts), 1 for empty windows. ln f is linear in nearly degenerate
    parameters: the fit runs in orthogonal combinations of them from the log-linear solution, by
    Levenberg-Marquardt steps, each spectrum for itself, so that its curve does not depend on which others
    are fitted with it. Only curves are returned, since single parameters mean little. ValueError unless
    there are more windows than parameters.
    """
    if len(windows) <= parameters:
        raise ValueError(f"{len(windows)} windows cannot determine {parameters} parameters and a deviation")
    basis = dijet_basis(windows, parameters)
    shape = counts.shape
    data = np.ascontiguousarray(counts, np.float64).reshape(-1, shape[-1])
    if errors is None:
        error = np.sqrt(np.maximum(data, 1.0))
    else:
        error = np.ascontiguousarray(errors, np.float64).reshape(data.shape)
    # the error of ln N is err/N; an empty window counts as half a one here, to have a logarithm
    first = np.maximum(data, 0.5 * error)
    point = _solve(basis * (first / error)[:, None], np.log(first) * (first / error), damping=0.0)
    point, chisq = _minimise(point, data, error, basis=basis)
    expected = np.exp(_exponent(point, basis))
    ndof = len(windows) - parameters
    return DijetFit(expected.reshape(shape), (chisq / ndof).reshape(shape[:-1]))


def largest_excess(counts: NDArray[Any], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """max (N - f) / sqrt(f) over windows (last axis), at least 0: one-sided maximal local significance."""
    pull = (counts - expected) / np.sqrt(expected)
    excess: NDArray[np.float64] = np.maximum(pull.max(axis=-1), 0.0)
    return excess


def largest_deviation(counts: NDArray[Any], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """max |N - f| / sqrt(f) over windows (last axis): the two-sided maximal local significance."""
    deviation: NDArray[np.float64] = np.abs((counts - expected) / np.sqrt(expected)).max(axis=-1)
    return deviation


def _minimise(
    point: NDArray[np.float64],
    data: NDArray[np.float64],
    error: NDArray[np.float64],
    *,
    basis: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Levenberg-Marquardt from `point` (spectra, parameters): (point, chi2) of each spectrum."""
    pull, chisq = _pulls(point, data, error, basis=basis)
    damping = np.full(len(point), 1e-4)
    active = np.arange(len(point))
    for _ in range(MAX_STEPS):
        if active.size == 0:
            break
        curve = np.exp(_exponent(point[active], basis))
        slope = (curve / error[active])[:, None] * basis
        step = _solve(slope, pull[active], damping=damping[active])
        trial = point[active] + step
        trial_pull, trial_chisq = _pulls(trial, data[active], error[active], basis=basis)
        better = trial_chisq <= chisq[active]
        gain = chisq[active] - trial_chisq
        accepted = active[better]
        small = better & (gain <= CONVERGED * np.maximum(chisq[active], 1e-6))
        point[accepted], pull[accepted], chisq[accepted] = (
            trial[better],
            trial_pull[better],
            trial_chisq[better],
        )
        damping[active] *= np.where(better, 0.1, 10.0)
        # no step improves it any more: the minimum, as far as doubles can tell
        active = active[~small & (damping[active] < 1e12)]
    return point, chisq


def _exponent(point: NDArray[np.float64], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln f (spectra, windows), added term by term: a matrix product would depend on how many spectra."""
    exponent = np.zeros((len(point), basis.shape[1]))
    for number, term in enumerate(basis):
        exponent += point[:, number, None] * term
    # exponents far beyond any spectrum must not overflow while a step is tried
    return np.clip(exponent, -LARGEST_EXPONENT, LARGEST_EXPONENT)


def _pulls(
    point: NDArray[np.float64],
    data: NDArray[np.float64],
    error: NDArray[np.float64],
    *,
    basis: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pull = (data - np.exp(_exponent(point, basis))) / error
    return pull, (pull * pull).sum(axis=-1)


def _solve(
    slope: NDArray[np.float64], pull: NDArray[np.float64], *, damping: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Damped least squares of each spectrum: slope (n, p, windows), pull (n, windows) -> (n, p)."""
    number = slope.shape[1]
    normal = np.empty((len(slope), number, number))
    for i in range(number):
        for j in range(i, number):
            normal[:, i, j] = normal[:, j, i] = (slope[:, i] * slope[:, j]).sum(axis=-1)
    diagonal = np.einsum("nii->ni", normal)
    # a spectrum of almost no events has almost no slope: the floor keeps its matrix regular
    floor = 1e-12 * diagonal.max(axis=1, initial=1e-30)[:, None]
    diagonal += np.asarray(damping).reshape(-1, 1) * diagonal + floor
    gradient = (slope * pull[:, None]).sum(axis=-1)
    solution: NDArray[np.float64] = np.linalg.solve(normal, gradient[..., None])[..., 0]
    return solution
