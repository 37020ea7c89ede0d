"""A brick: base-tracks sorted by plate and cell, so that a shower reads only what is near it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.workloads.refusals import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray


MAX_CELLS = 10_000_000


class Grid(NamedTuple):
    """low: (x, y) of the corner in um. size: side of a cell in um. number: cells in x and in y."""

    low: tuple[float, float]
    size: float
    number: tuple[int, int]


class Brick(NamedTuple):
    """columns: by name, each (n,), base-tracks by plate, cell, then as given. positions: float64
    (plates,), z in um, NaN without base-tracks. cells: int64 (plates * cells + 1,), first row of each
    cell."""

    columns: Mapping[str, NDArray[Any]]
    positions: NDArray[np.float64]
    grid: Grid
    cells: NDArray[np.int64]


def grid_over(x: NDArray[np.floating], y: NDArray[np.floating], *, size: float) -> Grid:
    """Cells of `size` um that hold all of x, y (n,)."""
    low = (
        float(np.floor(x.min(initial=0.0) / size) * size),
        float(np.floor(y.min(initial=0.0) / size) * size),
    )
    number = (int((x.max(initial=0.0) - low[0]) // size) + 1, int((y.max(initial=0.0) - low[1]) // size) + 1)
    return Grid(low, size, number)


def check_grid(grid: Grid, plates: int, rows: int) -> None:
    """ValueError when there are far more cells than a brick of `rows` base-tracks can need."""
    total = plates * grid.number[0] * grid.number[1]
    if total > MAX_CELLS + 10 * rows:
        wide, high = (number * grid.size / 1000 for number in grid.number)
        raise refusal(
            f"{total:,} cells of {grid.size:g} um for {rows:,} base-tracks, which extend over"
            f" {wide:,.0f} x {high:,.0f} mm",
            "are positions in um? else a larger cell_size",
        )


def cell_number(
    plate: NDArray[np.integer], x: NDArray[np.floating], y: NDArray[np.floating], *, grid: Grid
) -> NDArray[np.int64]:
    """Number of the cell of each base-track (n,): by plate, then x, then y."""
    column = ((x.astype(np.float64) - grid.low[0]) // grid.size).astype(np.int64)
    row = ((y.astype(np.float64) - grid.low[1]) // grid.size).astype(np.int64)
    number: NDArray[np.int64] = (plate.astype(np.int64) * grid.number[0] + column) * grid.number[1] + row
    return number


def build(columns: Mapping[str, NDArray[Any]], positions: NDArray[np.float64], *, size: float) -> Brick:
    """Sort base-tracks `columns` (n,) into cells of `size` um. ValueError for far too many cells."""
    plate, x, y = (columns[name] for name in ("plate", "x", "y"))
    grid = grid_over(x, y, size=size)
    check_grid(grid, len(positions), len(x))
    number = cell_number(plate, x, y, grid=grid)
    order = np.lexsort((columns["id"], columns["source"], number))
    total = len(positions) * grid.number[0] * grid.number[1]
    cells = np.zeros(total + 1, np.int64)
    np.cumsum(np.bincount(number, minlength=total), out=cells[1:])
    return Brick({name: column[order] for name, column in columns.items()}, positions, grid, cells)


def plate_rows(brick: Brick) -> dict[str, NDArray[Any]]:
    """Each plate 0 .. highest, its z in um, and its first row among the base-tracks: (plates,) each."""
    plate = np.arange(len(brick.positions), dtype=np.int32)
    cells_per_plate = brick.grid.number[0] * brick.grid.number[1]
    first = brick.cells[plate.astype(np.int64) * cells_per_plate]
    return {"plate": plate, "z": brick.positions, "first": first}
