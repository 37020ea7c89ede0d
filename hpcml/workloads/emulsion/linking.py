"""Selected base-tracks -> a shower: each is linked to its predecessor on a film upstream.

From the injector on, film by film downstream: a segment is linked when the angle to some linked segment of
the film before is at most 0.4 rad; its predecessor is the one at the smallest angle (of equal ones the
nearer, then the one of the smaller id). Films without linked segments are bridged over the true distance,
up to `max_gap` of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge, Gt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Links:
    """max_angle: rad. max_gap: films that may be bridged. max_dr: um, how far a segment may lie from where
    its predecessor points to; None for any distance. gap_fraction: of the distance that a segment is
    extrapolated over; the published features have 0.5."""

    max_angle: Annotated[float, Gt(0)] = 0.4
    max_gap: Annotated[int, Ge(0)] = 1
    max_dr: Annotated[float, Gt(0)] | None = None
    gap_fraction: Annotated[float, Gt(0)] = 1.0


class Segments(NamedTuple):
    """The injector, then candidates by falling plate and rising id; float64 (n,) but plate int64 (n,)."""

    plate: NDArray[np.int64]
    x: Floats
    y: Floats
    z: Floats
    tx: Floats
    ty: Floats


class Linked(NamedTuple):
    """before: int64 (n,), predecessor of each segment, -1 for the injector and for those that are not linked.
    All others float64 (n,), 0 where there is none; films int32 (n,)."""

    before: NDArray[np.int64]
    dx: Floats
    dy: Floats
    dtx: Floats
    dty: Floats
    angle: Floats
    dr: Floats
    films: NDArray[np.int32]


def link_order(columns: Mapping[str, NDArray[Any]], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order in which the base-tracks in `rows` (n,) of a brick's columns are linked, int64 (n,): by
    falling plate, then rising number and source."""
    source, number, plate = (columns[name][rows] for name in ("source", "id", "plate"))
    return np.lexsort((source, number, -plate))


def segments_of(columns: Mapping[str, NDArray[Any]], injector: int, rows: NDArray[np.int64]) -> Segments:
    """The base-tracks in row `injector` and `rows` (n,) of a brick's columns, in double precision."""
    every = np.r_[injector, rows]
    place = (columns[name][every].astype(np.float64) for name in ("x", "y", "z", "tx", "ty"))
    return Segments(columns["plate"][every].astype(np.int64), *place)


def link(segments: Segments, how: Links) -> Linked:
    """Link `segments` by the compiled loop."""
    limits = _limits(how)
    return _features(segments, _compiled()(*segments, *limits, how.max_gap, how.gap_fraction), how)


def link_numpy(segments: Segments, how: Links) -> Linked:
    """The same in NumPy, all pairs of two films at once: what `link` is tested against."""
    plate, x, y, z, tx, ty = segments
    max_tan2, max_dr2 = _limits(how)
    before = np.full(len(plate), -1, np.int64)
    last = np.array([0])
    for film in np.unique(plate[1:])[::-1]:
        if plate[last[0]] - film > how.max_gap + 1:
            break
        b = 1 + np.flatnonzero(plate[1:] == film)
        a = last[:, None]
        distance = how.gap_fraction * (z[b] - z[a])
        tan2 = (tx[a] - tx[b]) ** 2 + (ty[a] - ty[b]) ** 2
        dr2 = (x[a] + tx[a] * distance - x[b]) ** 2 + (y[a] + ty[a] * distance - y[b]) ** 2
        allowed = (tan2 <= max_tan2) & (dr2 <= max_dr2)
        for column in np.flatnonzero(allowed.any(axis=0)):
            rows = np.flatnonzero(allowed[:, column])
            before[b[column]] = last[rows[np.lexsort((dr2[rows, column], tan2[rows, column]))[0]]]
        linked = b[before[b] >= 0]
        last = linked if linked.size else last
    return _features(segments, before, how)


def _limits(how: Links) -> tuple[float, float]:
    """tan^2 of the largest angle, and the square of the largest distance.

    The angle of two slopes is compared by its tangent: a pair whose slopes differ by tan(0.4) exactly is in.
    """
    tangent = math.tan(how.max_angle)
    return tangent * tangent, math.inf if how.max_dr is None else how.max_dr**2


def _features(segments: Segments, before: NDArray[np.int64], how: Links) -> Linked:
    plate, x, y, z, tx, ty = segments
    b = np.flatnonzero(before >= 0)
    a = before[b]
    distance = how.gap_fraction * (z[b] - z[a])
    found = np.zeros((6, len(before)))
    off_x, off_y = x[a] + tx[a] * distance - x[b], y[a] + ty[a] * distance - y[b]
    turn_x, turn_y = tx[a] - tx[b], ty[a] - ty[b]
    found[:, b] = (
        off_x,
        off_y,
        turn_x,
        turn_y,
        np.arctan(np.sqrt(turn_x**2 + turn_y**2)),
        np.sqrt(off_x**2 + off_y**2),
    )
    films = np.zeros(len(before), np.int32)
    films[b] = plate[a] - plate[b]
    dx, dy, dtx, dty, link_angle, dr = found
    return Linked(before, dx, dy, dtx, dty, link_angle, dr, films)


@cache
def _compiled() -> Any:
    from hpcml.workloads.emulsion.kernels import link_films

    return link_films
