"""Base-tracks extrapolated along their slopes.

Straight lines between films.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def extrapolated(position: Floats, slope: Floats, distance: Floats | float) -> Floats:
    """Position after `distance` um along the beam; all shapes broadcast."""
    moved: Floats = position + slope * distance
    return moved


def angle(tx: Floats, ty: Floats) -> Floats:
    """Angle to the beam in rad of slopes tx, ty."""
    theta: Floats = np.arctan(np.sqrt(tx**2 + ty**2))
    return theta


def gaps(positions: Floats, *, regular: float = 1315.0) -> tuple[Floats, Floats]:
    """Distance in um of each plate to the next downstream and to the one upstream, (plates,) each.

    positions: z of each plate, NaN where one is missing; gaps of missing plates are NaN. The outermost
    plates have no neighbour: `regular` stands for it.
    """
    downstream, upstream = np.full(len(positions), np.nan), np.full(len(positions), np.nan)
    present = np.flatnonzero(np.isfinite(positions))
    steps = np.abs(np.diff(positions[present]))
    downstream[present] = np.r_[regular, steps]
    upstream[present] = np.r_[steps, regular]
    return downstream, upstream


def moved_to(
    x: Floats, y: Floats, z: Floats, *, slopes: tuple[Floats, Floats], target: Floats
) -> tuple[Floats, Floats]:
    """x and y of base-tracks (n,) on films at other z: `target` (n,), for each its film's new z."""
    tx, ty = slopes
    return extrapolated(x, tx, target - z), extrapolated(y, ty, target - z)
