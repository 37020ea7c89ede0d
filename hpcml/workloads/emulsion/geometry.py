"""Where the films of a brick are: one z for each plate, and which way plates are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from hpcml.workloads.refusals import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

Orientation = Literal["from_downstream", "from_upstream"]
TOLERANCE = 50.0


def plate_positions(
    plate: NDArray[np.integer], z: NDArray[np.floating], *, tolerance: float = TOLERANCE
) -> NDArray[np.float64]:
    """z of each plate 0 .. highest, float64 (plates,) in um, NaN for plates without base-tracks.

    plate, z: (n,). ValueError where a plate is spread over more than `tolerance` or where plates do not
    follow each other upstream: a wrong orientation, or two sources that number their films differently.
    """
    if plate.size == 0:
        raise refusal("there are no base-tracks", "name a file that has some")
    if plate.min() < 0:
        raise refusal(f"plate {plate.min()} is negative", "plates are counted from 0")
    order = np.argsort(plate, kind="stable")
    present, first = np.unique(plate[order], return_index=True)
    sorted_z = z[order].astype(np.float64)
    low = np.minimum.reduceat(sorted_z, first)
    high = np.maximum.reduceat(sorted_z, first)
    wide = np.flatnonzero(high - low > tolerance)
    if wide.size:
        number, bottom, top = present[wide[0]], low[wide[0]], high[wide[0]]
        raise refusal(
            f"base-tracks of plate {number} lie at z = {bottom:g} to {top:g} um",
            "one plate has one z: do all sources number the same films, missing ones included?",
        )
    positions = np.full(int(present[-1]) + 1, np.nan)
    positions[present] = sorted_z[first]
    if (np.diff(positions[present]) >= 0).any():
        raise refusal(
            "z does not fall with the number of the plate",
            "set orientation: from_upstream when plates are counted from the beam's side",
        )
    return positions


def count_from_downstream(
    plate: NDArray[np.integer], z: NDArray[np.floating]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Plates that are counted from upstream -> from downstream, with z = 0 at the last film: (n,) each."""
    return (plate.max() - plate).astype(np.int32), z.astype(np.float64) - float(z.max())
