"""Where showers start: one injector base-track for each, in simulation and in data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from hpcml.workloads.emulsion.columns import NONE, SIMULATION
from hpcml.workloads.refusals import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEW, MANY = 2, 10
FIRST_FILMS = 3
STEEPEST = 0.050


class Starters(NamedTuple):
    """shower: int32 (n,). row: int64 (n,), its injector among the rows given, -1 without. reason: str
    (n,), why there is none. true_segments: uint32 (n,), rows of the same event downstream. primary_p: float64
    (n,), the largest momentum of the event, that of the primary before it radiates; -999 where unknown."""

    shower: NDArray[np.int32]
    row: NDArray[np.int64]
    reason: NDArray[np.str_]
    true_segments: NDArray[np.uint32]
    primary_p: NDArray[np.float64]


def brick_starters(
    columns: Mapping[str, NDArray[Any]],
    *,
    kind: Literal["simulation", "data"],
    which: Literal["last", "first"],
) -> Starters:
    """The starters of a brick from its base-tracks (n,): simulated events, or volume tracks of data.

    ValueError when there is none of them.
    """
    if kind == "data":
        if not (columns["track_id"] >= 0).any():
            raise refusal(
                "no base-track is on a volume track, and showers of data start from these",
                "name a file with TrackID, or set kind: simulation",
            )
        slopes = (columns["tx"], columns["ty"])
        return data_starters(columns["plate"], columns["track_id"], slopes, which=which)
    signal = np.flatnonzero(columns["source"] == SIMULATION)
    plate, event, mc_track, number, momentum = (
        columns[name][signal] for name in ("plate", "event", "mc_track", "id", "p")
    )
    found = simulated_starters(plate, event, mc_track, number, momentum=momentum)
    if not len(found.row):
        raise refusal("there is no simulated event", "set kind: data, or name a file of simulation")
    return found._replace(row=np.where(found.row < 0, -1, signal[found.row]))


def start_plate(counts: NDArray[np.integer]) -> int:
    """The plate on which a simulated shower starts, -1 if none. counts: segments on each plate 0 .. highest.

    Just upstream of the first film with 2 to 10 segments: the highest plate when it holds exactly two;
    otherwise the plate above the highest one with 2 to 10, or the lowest with 0 or 1 if that is higher; from
    an empty plate on upstream to the first that is not, or back to the highest of all.
    """
    top = len(counts) - 1
    if top < 0 or not counts.any():
        return -1
    if counts[top] == FEW:
        return top
    several = np.flatnonzero((counts >= FEW) & (counts <= MANY))
    if several.size == 0:
        return -1
    plate = int(several[-1]) + 1
    quiet = np.flatnonzero(counts < FEW)
    if plate <= top and counts[plate] > 0 and quiet.size:
        plate = max(plate, int(quiet[0]))
    above = np.flatnonzero(counts[plate:] > 0)
    return plate + int(above[0]) if above.size else top


def simulated_starters(
    plate: NDArray[np.integer],
    event: NDArray[np.integer],
    mc_track: NDArray[np.integer],
    number: NDArray[np.integer],
    *,
    momentum: NDArray[np.floating],
) -> Starters:
    """One starter for each simulated event, by its number; all arguments (n,), of signal rows alone.

    The injector is the segment of the primary on the start plate, or without one that of the smallest
    `number`.
    """
    order = np.lexsort((number, mc_track != 0, plate, event))
    events, first, size = np.unique(event[order], return_index=True, return_counts=True)
    rows, reasons, segments, primary = [], [], [], []
    for begin, count in zip(first.tolist(), size.tolist(), strict=True):
        own = order[begin : begin + count]
        primary.append(float(momentum[own].max()))
        low = int(plate[own].min())
        counts = np.bincount(plate[own] - low)
        start = start_plate(counts)
        if start < 0:
            rows.append(-1)
            reasons.append("no film with 2 to 10")
            segments.append(0)
            continue
        # sorted by plate, the primary first, then by number
        rows.append(int(own[np.searchsorted(plate[own], start + low)]))
        reasons.append("")
        segments.append(int((plate[own] < start + low).sum()))
    return Starters(
        events.astype(np.int32),
        np.array(rows, np.int64),
        np.array(reasons, np.str_),
        np.array(segments, np.uint32),
        np.array(primary, np.float64),
    )


def data_starters(
    plate: NDArray[np.integer],
    track_id: NDArray[np.integer],
    slopes: tuple[NDArray[np.floating], NDArray[np.floating]],
    *,
    which: Literal["last", "first"] = "last",
) -> Starters:
    """One starter for each volume track of data that begins in the first three films and is at most 50
    mrad steep.

    All arrays (n,). `last`: the most downstream of its segments in these films, `first`: the most upstream.
    Numbered from 0 in the order of track_id.
    """
    tx, ty = slopes
    early = plate >= int(plate.max(initial=0)) - (FIRST_FILMS - 1)
    chosen = np.flatnonzero((track_id >= 0) & early & (np.sqrt(tx**2 + ty**2) <= STEEPEST))
    depth = plate[chosen] if which == "last" else -plate[chosen]
    order = chosen[np.lexsort((depth, track_id[chosen]))]
    _, first = np.unique(track_id[order], return_index=True)
    rows = order[first].astype(np.int64)
    number = len(rows)
    return Starters(
        np.arange(number, dtype=np.int32), rows, np.full(number, "", np.str_), np.zeros(number, np.uint32),
        np.full(number, float(NONE)),
    )  # fmt: skip
