"""Simulated dijet events with known truth: constituents, dijet mass, label.

A generator tuned so that masses, multiplicities and image shapes resemble the LHC Olympics sample
(medians within some 20 %). Good enough to test methods, not to do physics.

Background follows the four-parameter dijet function that fits that sample in 3000-4600 GeV; signal
is a resonance near 3.5 TeV that decays to two two-prong jets of 500 and 100 GeV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hpcml.workloads.jets.clustering import JETS, MAX_CONSTITUENTS, Dijets

if TYPE_CHECKING:
    from numpy.typing import NDArray

BEAM_ENERGY = 13000.0
MASS_RANGE = (2600.0, 6000.0)
DIJET_FIT = (0.85218, -14.17770, -3.57107)
SIGNAL_JET_MASSES = (500.0, 100.0)
MIN_CONSTITUENT_PT = 0.1
CONSTITUENT_RANGE = (8, 190)


class _Prong(NamedTuple):
    """Showers around an axis: pT shares and offsets in eta and phi, all (n, slots); 0 = empty."""

    share: NDArray[np.float64]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]


def background_events(rng: np.random.Generator, count: int) -> Dijets:
    """`count` events of two one-prong jets over the falling mass spectrum; see Dijets for shapes."""
    m_jj = background_masses(rng, count)
    pt, eta, phi = _axes(rng, m_jj)
    shape = pt.shape
    number = _multiplicity(rng, 54.0, 22.0, shape).ravel()
    girth = np.clip(rng.lognormal(np.log(0.065), 0.95, number.size), 0.005, 0.45)
    prong = _shower(rng, number, girth)
    return _assemble(prong, pt, eta, phi, m_jj)


def signal_events(rng: np.random.Generator, count: int) -> Dijets:
    """`count` events of two two-prong jets (500 and 100 GeV) at the resonance; see Dijets."""
    m_jj = signal_masses(rng, count)
    pt, eta, phi = _axes(rng, m_jj)
    mass = np.broadcast_to(np.array(SIGNAL_JET_MASSES), pt.shape).ravel()
    number = _multiplicity(rng, 46.0, 18.0, pt.shape).ravel()
    share = rng.uniform(0.25, 0.75, number.size)
    distance = np.minimum(mass / (pt.ravel() * np.sqrt(share * (1.0 - share))), 1.2)
    azimuth = rng.uniform(0.0, 2.0 * np.pi, number.size)
    prongs = []
    # offsets weighted by the shares add up to zero: the pair keeps the axis of the jet
    for part, offset in ((share, distance * (1.0 - share)), (1.0 - share, -distance * share)):
        girth = np.clip(rng.lognormal(np.log(0.02), 0.7, number.size), 0.004, 0.2)
        prong = _shower(rng, np.maximum(number // 2, 1), girth)
        eta_offset, phi_offset = (offset * np.cos(azimuth))[:, None], (offset * np.sin(azimuth))[:, None]
        prongs.append(_Prong(prong.share * part[:, None], prong.eta + eta_offset, prong.phi + phi_offset))
    both = _Prong(*(np.concatenate(pair, axis=1) for pair in zip(*prongs, strict=True)))
    return _assemble(both, pt, eta, phi, m_jj)


def background_masses(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Dijet masses in GeV, float64 (count,), density (1-x)^p2 x^(p3 + p4 ln x), x = m / 13 TeV.

    Inverse CDF on a grid of 20,001 points in 2600-6000 GeV.
    """
    grid = np.linspace(*MASS_RANGE, 20_001)
    x = grid / BEAM_ENERGY
    p2, p3, p4 = DIJET_FIT
    density = (1.0 - x) ** p2 * x ** (p3 + p4 * np.log(x))
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    masses: NDArray[np.float64] = np.interp(rng.random(count), cumulative / cumulative[-1], grid)
    return masses


def signal_masses(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Dijet masses of the resonance in GeV, float64 (count,): a 95 GeV peak at 3510 GeV (72 %) and
    an exponential tail below 3560 GeV."""
    peak = rng.normal(3510.0, 95.0, count)
    tail = 3560.0 - rng.exponential(300.0, count)
    return np.clip(np.where(rng.random(count) < 0.72, peak, tail), 2000.0, 4200.0)


def _axes(rng: np.random.Generator, m_jj: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """pT, eta and phi of the jets, (n, 2) each."""
    shape = (m_jj.size, JETS)
    pt = 0.5 * m_jj[:, None] * rng.uniform(0.8, 1.0, shape)
    return pt, rng.normal(0.0, 0.6, shape), rng.uniform(-np.pi, np.pi, shape)


def _multiplicity(
    rng: np.random.Generator, mean: float, deviation: float, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Numbers of constituents: negative binomial with this mean and standard deviation, clipped."""
    size = mean * mean / (deviation * deviation - mean)
    drawn = rng.negative_binomial(size, size / (size + mean), shape)
    return np.clip(drawn, *CONSTITUENT_RANGE).astype(np.int64)


def _shower(rng: np.random.Generator, number: NDArray[np.int64], girth: NDArray[np.float64]) -> _Prong:
    """One prong per row: `number` (n,) constituents with Dirichlet(0.25) shares; soft ones far out,
    radii scaled so that the pT-weighted mean radius is `girth` (n,), none beyond 1."""
    slots = CONSTITUENT_RANGE[1]
    filled = np.arange(slots) < number[:, None]
    share = np.where(filled, rng.gamma(0.25, 1.0, filled.shape), 0.0)
    share /= share.sum(axis=1, keepdims=True)
    radius = rng.exponential(1.0, filled.shape) * (np.maximum(share, 1e-6) * number[:, None]) ** -0.6
    mean_radius = (share * radius).sum(axis=1)
    radius = np.minimum(radius * (girth / mean_radius)[:, None], 1.0)
    azimuth = rng.uniform(0.0, 2.0 * np.pi, filled.shape)
    return _Prong(share, radius * np.cos(azimuth), radius * np.sin(azimuth))


def _assemble(
    prong: _Prong,
    pt: NDArray[np.float64],
    eta: NDArray[np.float64],
    phi: NDArray[np.float64],
    m_jj: NDArray[np.float64],
) -> Dijets:
    """Constituents of both jets by decreasing pT, jets by decreasing pT, with the jets' masses."""
    constituent_pt = prong.share * pt.reshape(-1, 1)
    constituent_pt[constituent_pt < MIN_CONSTITUENT_PT] = 0.0
    order = np.argsort(-constituent_pt, axis=1, kind="stable")[:, :MAX_CONSTITUENTS]
    columns = (constituent_pt, prong.eta + eta.reshape(-1, 1), prong.phi + phi.reshape(-1, 1))
    stacked = np.stack([np.take_along_axis(column, order, axis=1) for column in columns], axis=-1)
    stacked[stacked[..., 0] == 0] = 0.0
    padded = np.zeros((len(stacked), MAX_CONSTITUENTS, 3))
    padded[:, : stacked.shape[1]] = stacked
    events = padded.reshape(-1, JETS, MAX_CONSTITUENTS, 3)
    first = np.argsort(-pt, axis=1, kind="stable")
    return Dijets(
        constituents=np.take_along_axis(events, first[:, :, None, None], axis=1),
        pt=np.take_along_axis(pt, first, axis=1),
        eta=np.take_along_axis(eta, first, axis=1),
        phi=np.take_along_axis(phi, first, axis=1),
        mass=np.take_along_axis(_mass(events), first, axis=1),
        m_jj=m_jj,
    )


def _mass(events: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invariant mass of massless constituents (..., slots, 3): float64 (...,), GeV."""
    pt, eta, phi = np.moveaxis(events, -1, 0)
    px, py = (pt * np.cos(phi)).sum(axis=-1), (pt * np.sin(phi)).sum(axis=-1)
    pz, energy = (pt * np.sinh(eta)).sum(axis=-1), (pt * np.cosh(eta)).sum(axis=-1)
    mass: NDArray[np.float64] = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
    return mass
