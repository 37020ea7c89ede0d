"""Particles of an event -> the two leading large-radius jets and their constituents.

What lives here: anti-kt clustering (fastjet) and the dijet mass. What does not: reading events
(inputs.py), turning constituents into images (images.py).

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


def leading_dijets(
    events: Sequence[NDArray[np.float64]], radius: float = RADIUS, *, min_pt: float = MIN_JET_PT
) -> Dijets:
    """Cluster each event, an array (particles, 3) of (pT, eta, phi) of massless particles.

    Anti-kt with parameter `radius`, inclusive jets above `min_pt` GeV, the two leading in pT.
    Rows with pT = 0 are padding. Jets keep their 200 hardest constituents. Events are clustered
    one by one: the result of an event does not depend on the others.
    """
    import fastjet

    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    count = len(events)
    constituents = np.zeros((count, JETS, MAX_CONSTITUENTS, 3))
    kinematics = np.zeros((count, JETS, 4))
    m_jj = np.zeros(count)
    for row, padded in enumerate(events):
        particles = padded[padded[:, 0] != 0]
        sequence = fastjet.ClusterSequence(_pseudojets(fastjet.PseudoJet, particles), definition)
        jets = fastjet.sorted_by_pt(sequence.inclusive_jets(min_pt))[:JETS]
        for place, jet in enumerate(jets):
            members = np.array([one.user_index() for one in jet.constituents()])
            constituents[row, place] = hardest_first(particles[np.sort(members)])
            # rounding can make the squared mass of a one-particle jet negative
            kinematics[row, place] = jet.pt(), jet.eta(), jet.phi_std(), max(jet.m(), 0.0)
        if len(jets) == JETS:
            m_jj[row] = max((jets[0] + jets[1]).m(), 0.0)
    pt, eta, phi, mass = np.moveaxis(kinematics, -1, 0)
    return Dijets(constituents, pt, eta, phi, mass, m_jj)


def hardest_first(particles: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) particles (pT, eta, phi) -> (200, 3), by decreasing pT, cut or padded with zeros."""
    order = np.argsort(-particles[:, 0], kind="stable")[:MAX_CONSTITUENTS]
    kept = np.zeros((MAX_CONSTITUENTS, 3))
    kept[: order.size] = particles[order]
    return kept


def _pseudojets(make: Any, particles: NDArray[np.float64]) -> list[Any]:
    """fastjet's four-vectors (px, py, pz, E) of massless particles; user index = row."""
    pt, eta, phi = particles.T
    # lists of Python floats: the wrapper converts them several times faster than NumPy scalars
    columns = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta))
    vectors = []
    for index, (px, py, pz, energy) in enumerate(zip(*(one.tolist() for one in columns), strict=True)):
        vector = make(px, py, pz, energy)
        vector.set_user_index(index)
        vectors.append(vector)
    return vectors
