"""Simulated electromagnetic showers with known truth, for tests, the demo and the documentation.

A parametrisation that agrees with published sizes (some 115 base-tracks at 4 GeV in 29 films of lead):
good to test methods, not to do physics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le

from hpcml.workloads.emulsion import background

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CRITICAL_ENERGY = 7.43e-3  # GeV, lead
FALL = 0.5
SIZE_AT_ZERO, SIZE_SLOPE, DETECTED = 0.42, 0.04, 1.3
SHOWER_SPREAD = 0.175
REFERENCE_FILMS = 29
CORE, HALO, HALO_SHARE = 0.040, 0.150, 0.3
BROADENING = 0.02
SCATTERING = 2e-3
STEEPEST = math.tan(1.0)
LEAST_MOMENTUM = 0.03
BORN_UPSTREAM = 3.0  # films


@dataclass(frozen=True, slots=True)
class Detector:
    """films, pitch: um between films. side: um, width and height of the brick. film_depth: radiation
    lengths of a plate. slope_error, position_error: of a measurement, um. efficiency: of a film for a
    base-track."""

    films: Annotated[int, Ge(4), Le(200)] = 29
    pitch: Annotated[float, Gt(0)] = 1315.0
    side: tuple[float, float] = (40_000.0, 40_000.0)
    film_depth: Annotated[float, Gt(0)] = 0.178
    slope_error: Annotated[float, Ge(0)] = 3e-3
    position_error: Annotated[float, Ge(0)] = 1.0
    efficiency: Annotated[float, Gt(0), Le(1)] = 0.95


class Shower(NamedTuple):
    """Base-tracks of one shower, (n,): plate int32, the rest as in the table of base-tracks."""

    plate: NDArray[np.int32]
    x: Floats
    y: Floats
    z: Floats
    tx: Floats
    ty: Floats
    mc_track: NDArray[np.int32]
    p: Floats


def mean_size(energy: float) -> float:
    """Mean number of base-tracks in 29 films of an electron of `energy` GeV."""
    return max((energy - SIZE_AT_ZERO) / SIZE_SLOPE * DETECTED, 1.0)


def profile(energy: float, films: int, film_depth: float) -> Floats:
    """Mean number of base-tracks on each film from the start of the shower on, float64 (films,).

    t^(a-1) exp(-b t) at depth t in radiation lengths, its maximum at ln(E / E_c) - 1/2 (Longo and Sestili
    1975), normalised over 29 films.
    """
    shape = 1.0 + FALL * (math.log(energy / CRITICAL_ENERGY) - 0.5)
    depth = film_depth * np.arange(1, max(films, REFERENCE_FILMS) + 1)
    mean = depth ** (shape - 1.0) * np.exp(-FALL * depth)
    scaled: Floats = mean * (mean_size(energy) / mean[:REFERENCE_FILMS].sum())
    return scaled[:films]


def electron_shower(rng: np.random.Generator, energy: float, detector: Detector) -> Shower:
    """One electron of `energy` GeV that enters the brick at its most upstream film, 6 mm from its edges if
    it can."""
    films, pitch = detector.films, detector.pitch
    margin = np.minimum(6000.0, 0.25 * np.array(detector.side))
    entry = rng.uniform(margin, np.array(detector.side) - margin)
    slope = rng.normal(0.0, 5e-3, 2)
    # the primary scatters in every plate and is there in every film
    slopes = slope + np.r_[np.zeros((1, 2)), np.cumsum(rng.normal(0.0, SCATTERING, (films - 1, 2)), axis=0)]
    track = entry + pitch * np.r_[np.zeros((1, 2)), np.cumsum(slopes[:-1], axis=0)]

    quiet = int(rng.integers(1, 4))
    mean = np.zeros(films)
    mean[quiet:] = profile(energy, films - quiet, detector.film_depth)
    factor = math.exp(rng.normal(-0.5 * SHOWER_SPREAD**2, SHOWER_SPREAD))
    number = rng.poisson(mean * factor)
    film = np.repeat(np.arange(films), number)
    total = len(film)
    width = np.where(rng.random(total) < HALO_SHARE, HALO, CORE) * (1.0 + BROADENING * film)
    own = rng.normal(0.0, 1.0, (2, total)) * width
    born = np.minimum(rng.exponential(BORN_UPSTREAM, total), film) * pitch
    offset = rng.normal(0.0, 1.0, (2, total)) * (5.0 + 4.0 * film)
    place = track[film].T + offset + own * born
    momentum = LEAST_MOMENTUM + rng.exponential(0.02 * energy, total)

    all_films = np.r_[np.arange(films), film]
    x, y = np.c_[track.T, place]
    tx, ty = np.c_[slopes.T, own + slopes[film].T]
    mc_track = np.r_[np.zeros(films, np.int32), np.arange(1, total + 1, dtype=np.int32)]
    p = np.r_[np.full(films, energy), momentum]
    seen = (np.hypot(tx, ty) <= STEEPEST) & (rng.random(len(all_films)) < detector.efficiency)
    # all else depends on where a shower starts
    seen[0] = True
    x, y = (values + rng.normal(0.0, detector.position_error, len(values)) for values in (x, y))
    tx, ty = (values + rng.normal(0.0, detector.slope_error, len(values)) for values in (tx, ty))
    plate = (films - 1 - all_films).astype(np.int32)
    z = -pitch * plate.astype(np.float64)
    kept = np.flatnonzero(seen)
    return Shower(plate[kept], x[kept], y[kept], z[kept], tx[kept], ty[kept], mc_track[kept], p[kept])


def background_from_film(
    rng: np.random.Generator, plate: int, detector: Detector, *, density: float, through_going: float
) -> background.Continued:
    """Background that begins on film `plate`, and goes on to each film downstream with probability
    `through_going`; a film has `density` base-tracks per cm2 in all."""
    # films further downstream have what goes on from upstream, too
    share = 1.0 if plate == detector.films - 1 else 1.0 - through_going
    begun = background.uniform_film(rng, share * density, low=(0.0, 0.0), high=detector.side)
    return background.continued(
        rng, begun, through_going, plate + 1, pitch=detector.pitch,
        errors=(detector.position_error, detector.slope_error), inside=((0.0, 0.0), detector.side),
    )  # fmt: skip
