"""Particles of an event -> the two leading large-radius jets, their constituents and substructure.

The analysis follows arXiv:2402.17714; jets are those of the LHC Olympics (anti-kt, R = 1.0).
fastjet prints its citation request once per process; please honour it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

JETS = 2
MAX_CONSTITUENTS = 200
RADIUS = 1.0
MIN_JET_PT = 20.0
MAX_SUBJETS = 3


class Dijets(NamedTuple):
    """The two leading jets of n events; GeV and radians, jets by decreasing pT.

    constituents: float64 (n, 2, 200, 3), (pT, eta, phi) by decreasing pT, padded with zeros.
    pt, eta, phi, mass: float64 (n, 2), zero where an event has fewer jets.
    m_jj: float64 (n,), invariant mass of the two jets; 0 where an event has fewer than two.
    """

    constituents: NDArray[np.float64]
    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]
    mass: NDArray[np.float64]
    m_jj: NDArray[np.float64]


def leading_dijets(events: Sequence[NDArray[np.float64]], *, by_energy: bool = False) -> Dijets:
    """Cluster each event, an array (particles, 3) of (pT, eta, phi) of massless particles.

    Anti-kt with R = 1, inclusive jets above 20 GeV, the two leading in pT. Rows with pT = 0 are
    padding. Jets keep their 200 constituents of most pT, or of most energy. Events are clustered
    one by one: the result of an event does not depend on the others.
    """
    import fastjet

    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    count = len(events)
    constituents = np.zeros((count, JETS, MAX_CONSTITUENTS, 3))
    kinematics = np.zeros((count, JETS, 4))
    m_jj = np.zeros(count)
    for row, padded in enumerate(events):
        particles = padded[padded[:, 0] != 0]
        sequence = fastjet.ClusterSequence(_pseudojets(fastjet.PseudoJet, particles), definition)
        jets = fastjet.sorted_by_pt(sequence.inclusive_jets(MIN_JET_PT))[:JETS]
        for number, jet in enumerate(jets):
            members = np.array([particle.user_index() for particle in jet.constituents()])
            constituents[row, number] = hardest_first(particles[np.sort(members)], by_energy=by_energy)
            # rounding can make the squared mass of a one-particle jet negative
            kinematics[row, number] = jet.pt(), jet.eta(), jet.phi_std(), max(jet.m(), 0.0)
        if len(jets) == JETS:
            m_jj[row] = max((jets[0] + jets[1]).m(), 0.0)
    pt, eta, phi, mass = np.moveaxis(kinematics, -1, 0)
    return Dijets(constituents, pt, eta, phi, mass, m_jj)


def hardest_first(particles: NDArray[np.float64], *, by_energy: bool = False) -> NDArray[np.float64]:
    """(n, 3) particles (pT, eta, phi) -> (200, 3), by decreasing pT or energy, cut or padded with zeros."""
    key = particles[:, 0] * np.cosh(particles[:, 1]) if by_energy else particles[:, 0]
    order = np.argsort(-key, kind="stable")[:MAX_CONSTITUENTS]
    kept = np.zeros((MAX_CONSTITUENTS, 3))
    kept[: order.size] = particles[order]
    return kept


def subjettiness(constituents: NDArray[np.float64]) -> NDArray[np.float64]:
    """tau_1, tau_2, tau_3 of each jet: (..., slots, 3) of (pT, eta, phi) -> float64 (..., 3).

    tau_N = sum_i pT_i min_k DeltaR(i, k) / sum_i pT_i over N exclusive kt subjets (R = 1), 0 for jets of
    at most N constituents. Source: Thaler and Van Tilburg, arXiv:1011.2268, without its factor R0.
    """
    import fastjet

    definition = fastjet.JetDefinition(fastjet.kt_algorithm, RADIUS)
    flat = constituents.reshape(-1, *constituents.shape[-2:])
    tau = np.zeros((len(flat), MAX_SUBJETS))
    for jet, padded in enumerate(flat):
        particles = padded[padded[:, 0] > 0]
        if len(particles) < 2:
            continue
        pt, eta, phi = particles.T
        sequence = fastjet.ClusterSequence(_pseudojets(fastjet.PseudoJet, particles), definition)
        for number in range(1, min(MAX_SUBJETS, len(particles) - 1) + 1):
            axes = np.array([(subjet.eta(), subjet.phi_std()) for subjet in sequence.exclusive_jets(number)])
            turn = np.remainder(phi[:, None] - axes[:, 1] + np.pi, 2.0 * np.pi) - np.pi
            nearest = np.hypot(eta[:, None] - axes[:, 0], turn).min(axis=1)
            tau[jet, number - 1] = (pt * nearest).sum() / pt.sum()
    return tau.reshape(*constituents.shape[:-2], MAX_SUBJETS)


def _pseudojets(make: Any, particles: NDArray[np.float64]) -> list[Any]:
    """fastjet's four-vectors (px, py, pz, E) of massless particles; user index = row."""
    pt, eta, phi = particles.T
    # lists of Python floats: the wrapper converts them several times faster than NumPy scalars
    columns = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta))
    vectors = []
    for index, (px, py, pz, energy) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        vector = make(px, py, pz, energy)
        vector.set_user_index(index)
        vectors.append(vector)
    return vectors
