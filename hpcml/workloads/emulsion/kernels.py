"""Compiled loops over base-tracks: selection in cells, linking film by film."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True)
def _cells_between(low: float, high: float, size: float, number: int) -> Any:
    """First and last of `number` cells that hold positions from low to high, in um from the grid's corner.

    One cell more on each side: rounding must not hide a base-track at an edge."""
    return max(int(np.floor(low / size)) - 1, 0), min(int(np.floor(high / size)) + 1, number - 1)


@njit(cache=True)
def _longer(row: Any, features: Any, capacity: int) -> Any:
    """The same arrays with room for `capacity` base-tracks."""
    longer_row, longer = np.empty(capacity, np.int64), np.empty((4, capacity), np.float64)
    longer_row[: len(row)] = row
    longer[:, : len(row)] = features
    return longer_row, longer


@njit(cache=True)
def select_in_cells(
    x: Any, y: Any, tx: Any, ty: Any, event: Any, source: Any,
    positions: Any, cells: Any, low_x: float, low_y: float, size: float, columns: int, rows: int,
    plate0: int, x0: float, y0: float, z0: float, tx0: float, ty0: float, event0: int,
    slope: float, intercept: float, half_box: float, max_dtheta: float, max_ratio: float, legacy: bool,
) -> Any:  # fmt: skip
    """(row, dtheta, ip, ip_over_dz, cone_tan, in_pyramid): see selection.select."""
    capacity = 1024
    row = np.empty(capacity, np.int64)
    features = np.empty((4, capacity), np.float64)
    found, in_pyramid = 0, 0
    theta0 = np.arctan(np.sqrt(tx0 * tx0 + ty0 * ty0))
    sign = 1.0 if legacy else -1.0
    for plate in range(min(plate0, len(positions))):
        z = positions[plate]
        if np.isnan(z):
            continue
        width = (slope * (plate0 - plate) + intercept) / 2
        centre_z = z
        if legacy and plate + 1 < len(positions) and not np.isnan(positions[plate + 1]):
            centre_z = positions[plate + 1]
        xc, yc = x0 + tx0 * (centre_z - z0), y0 + ty0 * (centre_z - z0)
        left, right = max(xc - width, x0 - half_box), min(xc + width, x0 + half_box)
        down, up = max(yc - width, y0 - half_box), min(yc + width, y0 + half_box)
        first_column, last_column = _cells_between(left - low_x, right - low_x, size, columns)
        first_row, last_row = _cells_between(down - low_y, up - low_y, size, rows)
        distance = z - z0
        for column in range(first_column, last_column + 1):
            if last_row < first_row:
                break
            line = (plate * columns + column) * rows
            for track in range(cells[line + first_row], cells[line + last_row + 1]):
                xs, ys = np.float64(x[track]), np.float64(y[track])
                if not (abs(xs - xc) < width and abs(ys - yc) < width):
                    continue
                if not (abs(xs - x0) <= half_box and abs(ys - y0) <= half_box):
                    continue
                if event0 >= 0 and source[track] == 0 and event[track] != event0:
                    continue
                in_pyramid += 1
                sx, sy = np.float64(tx[track]), np.float64(ty[track])
                dtheta = np.arctan(np.sqrt(sx * sx + sy * sy)) - theta0
                back_x = x0 - (xs + sign * distance * sx)
                back_y = y0 - (ys + sign * distance * sy)
                ip = np.sqrt(back_x * back_x + back_y * back_y)
                if not (dtheta <= max_dtheta and ip / distance <= max_ratio):
                    continue
                if found == capacity:
                    capacity *= 2
                    row, features = _longer(row, features, capacity)
                row[found] = track
                cone_x, cone_y = (xs - x0) / distance, (ys - y0) / distance
                features[0, found], features[1, found] = dtheta, ip
                features[2, found] = ip / distance
                features[3, found] = np.sqrt(cone_x * cone_x + cone_y * cone_y)
                found += 1
    return (
        row[:found].copy(), features[0, :found].copy(), features[1, :found].copy(),
        features[2, :found].copy(), features[3, :found].copy(), in_pyramid,
    )  # fmt: skip


@njit(cache=True)
def link_films(
    plate: Any, x: Any, y: Any, z: Any, tx: Any, ty: Any,
    max_tan2: float, max_dr2: float, max_gap: int, fraction: float,
) -> Any:  # fmt: skip
    """Predecessor of each segment, int64 (n,), -1 for none; the first is the injector: see linking.link."""
    number = len(plate)
    before = np.full(number, -1, np.int64)
    # segments linked on the film that was linked last
    begin, end = 0, 1
    film = 1
    while film < number:
        film_end = film
        while film_end < number and plate[film_end] == plate[film]:
            film_end += 1
        linked = False
        if plate[begin] - plate[film] <= max_gap + 1:
            for b in range(film, film_end):
                best_tan2, best_dr2 = np.inf, np.inf
                for a in range(begin, end):
                    if a > 0 and before[a] < 0:
                        continue
                    distance = fraction * (z[b] - z[a])
                    dtx, dty = tx[a] - tx[b], ty[a] - ty[b]
                    tan2 = dtx * dtx + dty * dty
                    if tan2 > max_tan2 or tan2 > best_tan2:
                        continue
                    dx = x[a] + tx[a] * distance - x[b]
                    dy = y[a] + ty[a] * distance - y[b]
                    dr2 = dx * dx + dy * dy
                    if dr2 > max_dr2 or (tan2 == best_tan2 and dr2 >= best_dr2):
                        continue
                    best_tan2, best_dr2 = tan2, dr2
                    before[b] = a
                    linked = True
        if linked:
            begin, end = film, film_end
        film = film_end
    return before
