"""Base-tracks extrapolated along their slopes: straight lines between films."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.workloads.refusals import refusal

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


def moved_to(
    x: Floats, y: Floats, z: Floats, *, slopes: tuple[Floats, Floats], target: Floats
) -> tuple[Floats, Floats]:
    """x and y of base-tracks (n,) on films at other z: `target` (n,), for each its film's new z."""
    tx, ty = slopes
    return extrapolated(x, tx, target - z), extrapolated(y, ty, target - z)


def moved_to_films(
    columns: Mapping[str, NDArray[Any]], positions: Mapping[int, float]
) -> dict[str, NDArray[Any]]:
    """Columns of base-tracks (n,) with x, y and z on films at other `positions`: {plate: z in um}. ValueError
    for a plate without position."""
    present = np.unique(columns["plate"]).tolist()
    missing = [plate for plate in present if plate not in positions]
    if missing:
        raise refusal(f"the geometry has no z of plate {missing[0]}", "name every plate that has base-tracks")
    film_z = np.array([positions.get(plate, np.nan) for plate in range(max(present) + 1)])
    target = film_z[columns["plate"]]
    x, y, z, tx, ty = (columns[name].astype(np.float64) for name in ("x", "y", "z", "tx", "ty"))
    x, y = moved_to(x, y, z, slopes=(tx, ty), target=target)
    return {
        **columns, "x": x.astype(np.float32), "y": y.astype(np.float32), "z": target.astype(np.float32)
    }  # fmt: skip
