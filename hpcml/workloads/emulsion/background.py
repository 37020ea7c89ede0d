"""Background base-tracks: uniform ones, through-going ones, and real first films copied to all films."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WIDTH, HEIGHT = 125_000.0, 100_000.0
NARROW, WIDE_SHARE, WIDE = 0.15, 0.1, 1.0
# what is mirrored in each copy of a source film
COPIES = ("", "x y", "x ty", "y tx", "tx ty", "x tx ty", "y tx ty")
LAST_COPY = "x y tx ty"


class Film(NamedTuple):
    """Base-tracks of one film, float64 (n,): position in um and slopes."""

    x: Floats
    y: Floats
    tx: Floats
    ty: Floats


def mirrored(film: Film, what: str, *, width: float = WIDTH, height: float = HEIGHT) -> Film:
    """Mirror the words of `what` (x, y, tx, ty): positions about the middle of `width` x `height` um, slopes
    about 0. Twice is the identity."""
    words = what.split()
    return Film(
        width - film.x if "x" in words else film.x,
        height - film.y if "y" in words else film.y,
        -film.tx if "tx" in words else film.tx,
        -film.ty if "ty" in words else film.ty,
    )


def copies_of(films: int) -> list[tuple[int, str]]:
    """(source film, what is mirrored) for each film, from upstream: of four source films for up to 29 films,
    seven copies each; ValueError for more. 19 films take four copies each, and slopes of the first of
    three."""
    if films == 19:
        plan = [(group, copy) for group in range(4) for copy in COPIES[:4]]
        return [*plan, *((group, "tx ty") for group in range(3))]
    plan = [(group, copy) for group in range(4) for copy in COPIES]
    plan.append((3, LAST_COPY))
    if films > len(plan):
        raise ValueError(f"four source films give {len(plan)} films, not {films}")
    return plan[:films]


def replicated(sources: Sequence[Film], films: int) -> list[Film]:
    """Background for each of `films` films, from upstream, out of four films of real data."""
    return [mirrored(sources[source], what) for source, what in copies_of(films)]


def uniform_film(
    rng: np.random.Generator, density: float, *, low: tuple[float, float], high: tuple[float, float]
) -> Film:
    """A film with Poisson(`density` per cm2) base-tracks, uniform between the corners `low` and `high` in um.

    Slopes are Gaussian with 0.15, a tenth of them uniform up to 1.
    """
    area = (high[0] - low[0]) * (high[1] - low[1]) / 1e8
    number = int(rng.poisson(density * area))
    place = rng.uniform(0.0, 1.0, (2, number))
    slope = rng.normal(0.0, NARROW, (2, number))
    wide = rng.random(number) < WIDE_SHARE
    slope[:, wide] = rng.uniform(-WIDE, WIDE, (2, int(wide.sum())))
    x = low[0] + (high[0] - low[0]) * place[0]
    y = low[1] + (high[1] - low[1]) * place[1]
    return Film(x, y, slope[0], slope[1])


class Continued(NamedTuple):
    """Base-tracks of tracks that go on, (n,): number of the track, films after its first, the base-track."""

    track: NDArray[np.int64]
    step: NDArray[np.int64]
    film: Film


def continued(
    rng: np.random.Generator,
    start: Film,
    share: float,
    films: int,
    *,
    pitch: float,
    errors: tuple[float, float],
    inside: tuple[tuple[float, float], tuple[float, float]],
) -> Continued:
    """Straight tracks from `start` (m,): each goes on to the next film with probability `share`, over at most
    `films` films in all, while it is within the corners `inside` in um.

    errors: of a measured position in um, and of a slope. share 0 gives the base-tracks of `start` alone.
    """
    length = np.minimum(rng.geometric(1.0 - share, len(start.x)), films)
    track = np.repeat(np.arange(len(length)), length)
    step = np.arange(len(track)) - np.repeat(np.cumsum(length) - length, length)
    further = step > 0  # the first of each is where it was drawn
    place = [
        column[track] + slope[track] * pitch * step + further * rng.normal(0.0, errors[0], len(track))
        for column, slope in ((start.x, start.tx), (start.y, start.ty))
    ]
    slopes = [
        slope[track] + further * rng.normal(0.0, errors[1], len(track)) for slope in (start.tx, start.ty)
    ]
    (left, bottom), (right, top) = inside
    x, y = place
    kept = np.flatnonzero((x >= left) & (x < right) & (y >= bottom) & (y < top))
    return Continued(track[kept], step[kept], Film(*(values[kept] for values in (*place, *slopes))))
