"""Which base-tracks may belong to a shower: growing rectangles, angle and impact parameter, in one pass.

For plate p upstream of the injector's P0, k = P0 - p films downstream of it: base-tracks strictly inside a
rectangle of full width 140 k + 500 um in x and in y about the injector extrapolated to that film, and
within 5 mm of the injector itself. Source: A. Iuliano, Tutorial-DESY19; docs/workload-emulsion.md says
where we differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge, Gt

from hpcml.workloads.emulsion.columns import SIMULATION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.emulsion.brick import Brick


@dataclass(frozen=True, slots=True)
class Cuts:
    """slope, intercept: full width of the rectangle, slope k + intercept, in um. half_box: um. max_dtheta:
    rad, above the injector's own angle. max_ip_over_dz. legacy: the rectangle's centre one film late and
    the impact parameter with the wrong sign, as published."""

    slope: Annotated[float, Ge(0)] = 140.0
    intercept: Annotated[float, Gt(0)] = 500.0
    half_box: Annotated[float, Gt(0)] = 5000.0
    max_dtheta: Annotated[float, Gt(0)] = 0.6
    max_ip_over_dz: Annotated[float, Gt(0)] = 0.4
    legacy: bool = False


class Injector(NamedTuple):
    """Where a shower starts: plate, x, y, z in um, slopes; event: of simulation, whose own base-tracks
    alone are looked at, -1 for all."""

    plate: int
    x: float
    y: float
    z: float
    tx: float
    ty: float
    event: int


class Selected(NamedTuple):
    """Rows of the brick that pass all cuts, int64 (n,) ascending, and their features, float64 (n,).
    in_pyramid: base-tracks inside the rectangles."""

    row: NDArray[np.int64]
    dtheta: NDArray[np.float64]
    ip: NDArray[np.float64]
    ip_over_dz: NDArray[np.float64]
    cone_tan: NDArray[np.float64]
    in_pyramid: int


def injector_at(columns: Mapping[str, NDArray[Any]], row: int) -> Injector:
    """The base-track in `row` of a brick's columns as an injector."""
    x, y, z, tx, ty = (float(columns[name][row]) for name in ("x", "y", "z", "tx", "ty"))
    simulated = columns["source"][row] == SIMULATION
    return Injector(
        int(columns["plate"][row]), x, y, z, tx, ty, int(columns["event"][row]) if simulated else -1
    )


def half_width(films: int, cuts: Cuts) -> float:
    """Half the width in um of the rectangle `films` films downstream of the injector."""
    return (cuts.slope * films + cuts.intercept) / 2


def select(brick: Brick, injector: Injector, cuts: Cuts) -> Selected:
    """The candidates of one injector, by the compiled pass over the cells near it."""
    columns = brick.columns
    grid = brick.grid
    found = _compiled()(
        columns["x"], columns["y"], columns["tx"], columns["ty"], columns["event"], columns["source"],
        brick.positions, brick.cells, *grid.low, grid.size, *grid.number,
        injector.plate, injector.x, injector.y, injector.z, injector.tx, injector.ty, injector.event,
        cuts.slope, cuts.intercept, cuts.half_box, cuts.max_dtheta, cuts.max_ip_over_dz, cuts.legacy,
    )  # fmt: skip
    return Selected(*found)


def select_numpy(brick: Brick, injector: Injector, cuts: Cuts) -> Selected:
    """The same in NumPy, looking at every base-track of the brick: what `select` is tested against."""
    columns = {
        name: column.astype(np.float64) for name, column in brick.columns.items() if column.dtype.kind == "f"
    }
    plate = brick.columns["plate"].astype(np.int64)
    x, y, tx, ty = (columns[name] for name in ("x", "y", "tx", "ty"))
    films = injector.plate - plate
    z = brick.positions[plate]
    centre_z = z
    if cuts.legacy:
        above = np.minimum(plate + 1, len(brick.positions) - 1)
        centre_z = np.where(np.isfinite(brick.positions[above]), brick.positions[above], z)
    width = (cuts.slope * films + cuts.intercept) / 2
    inside = films >= 1
    inside &= (np.abs(x - injector.x) <= cuts.half_box) & (np.abs(y - injector.y) <= cuts.half_box)
    inside &= np.abs(x - (injector.x + injector.tx * (centre_z - injector.z))) < width
    inside &= np.abs(y - (injector.y + injector.ty * (centre_z - injector.z))) < width
    if injector.event >= 0:
        inside &= (brick.columns["source"] != SIMULATION) | (brick.columns["event"] == injector.event)
    rows = np.flatnonzero(inside)
    x, y, tx, ty, distance = x[rows], y[rows], tx[rows], ty[rows], z[rows] - injector.z
    dtheta = np.arctan(np.sqrt(tx**2 + ty**2)) - np.arctan(np.sqrt(injector.tx**2 + injector.ty**2))
    sign = 1.0 if cuts.legacy else -1.0
    ip = np.sqrt(
        (injector.x - (x + sign * distance * tx)) ** 2 + (injector.y - (y + sign * distance * ty)) ** 2
    )
    cone = np.sqrt(((x - injector.x) / distance) ** 2 + ((y - injector.y) / distance) ** 2)
    kept = (dtheta <= cuts.max_dtheta) & (ip / distance <= cuts.max_ip_over_dz)
    return Selected(rows[kept], dtheta[kept], ip[kept], (ip / distance)[kept], cone[kept], len(rows))


@cache
def _compiled() -> Any:
    """The pass over cells; compiled once and kept on disk."""
    from hpcml.workloads.emulsion.kernels import select_in_cells

    return select_in_cells
