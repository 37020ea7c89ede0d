"""From base-tracks to sorted bricks: the workloads `emulsion.synthetic` and `emulsion.prepare`.

Units, and which function gets which array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.readers.yaml_map import read_map
from hpcml.workload import Arrays, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.emulsion import background, brick, geometry, projection, starters
from hpcml.workloads.emulsion.columns import film_columns, joined
from hpcml.workloads.emulsion.parameters import PrepareParameters
from hpcml.workloads.emulsion.tables import (
    BACKGROUND,
    CELLS,
    DATA,
    GRID,
    PLATES,
    SIMULATION,
    STARTERS,
    TRACK,
    TRACKS,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = dict[str, NDArray[Any]]

SOURCE_FILMS = 4


class BrickFiles(NamedTuple):
    """What bricks are made of. tracks: a step's table, or None. files: one a brick. background: none, one
    for all, or one a brick. positions: z of each plate to move to, or None. branches: of ROOT trees."""

    tracks: Input | None
    files: list[Path]
    background: list[Path]
    positions: Mapping[int, float] | None
    branches: Mapping[str, str] | None


class PreparedBricks(Workload):
    """Base-tracks -> sorted bricks and their starters. A unit is a brick: a file, or a step."""

    name = "emulsion.prepare"
    version = 2
    Parameters = PrepareParameters
    inputs = (
        InputSpec("tracks", "files of base-tracks, one a brick, or a step emulsion.synthetic"),
        InputSpec(
            "background",
            "files of background base-tracks: one for all bricks, or one for each",
            required=False,
        ),
        InputSpec(
            "geometry",
            "a YAML file, `plates: {0: z, 1: z, ...}`: base-tracks are moved there",
            required=False,
        ),
        InputSpec(
            "branches", "for ROOT trees, a YAML file: `tree: NAME, columns: {x: BRANCH, ...}`", required=False
        ),
    )
    parameters: PrepareParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        for number in range(1 if _is_step(inputs["tracks"]) else len(inputs["tracks"].paths)):
            yield Unit(f"brick-{number:03d}", {"brick": number})

    def tables(self) -> tuple[Table, ...]:
        return TRACKS, PLATES, GRID, CELLS, STARTERS

    def open(self, inputs: Mapping[str, Input]) -> BrickFiles:
        paths = {
            name: list(inputs[name].paths)
            for name in ("background", "geometry", "branches")
            if name in inputs
        }
        is_step = _is_step(inputs["tracks"])
        files = [] if is_step else list(inputs["tracks"].paths)
        more = paths.get("background", [])
        if self.parameters.copy_films:
            if not more:
                raise UsageError("copy_films: true needs an input `background`", "files that hold four films")
        elif len(more) not in (0, 1, max(len(files), 1)):
            raise UsageError(
                f"{len(files)} bricks and {len(more)} files of background", "one for all, or one for each"
            )
        positions, branches = None, None
        if "geometry" in paths:
            positions = _positions(paths["geometry"][0])
        if "branches" in paths:
            branches = _branches(paths["branches"][0])
        return BrickFiles(inputs["tracks"] if is_step else None, files, more, positions, branches)

    def process(self, unit: Unit, shared: BrickFiles, ctx: Context) -> Mapping[str, Arrays]:
        p, number = self.parameters, int(unit.payload["brick"])
        name = str(shared.files[number]) if shared.files else "the brick"
        rows = self._rows(shared, number)
        brick.check_base_tracks(rows, name=name)
        if shared.positions is not None:
            rows = _moved(rows, shared.positions, name=name)
        positions = geometry.plate_positions(rows["plate"], rows["z"], name=name)
        if p.copy_films:
            rows = joined([rows, *self._copies(shared, positions, int(rows["id"].max()) + 1)])
        if p.density:
            rows = joined([rows, *self._uniform(rows, positions, number, ctx)])
        # one z for each plate from here on
        rows["z"] = positions[rows["plate"]].astype(np.float32)
        built = brick.build(rows, positions, size=p.cell_size, name=name)
        found = self._starters(built, name)
        present = np.arange(len(positions), dtype=np.int32)
        cells_a_plate = built.grid.number[0] * built.grid.number[1]
        return {
            "tracks": built.columns,
            "plates": {
                "plate": present,
                "z": positions,
                "first": built.cells[present.astype(np.int64) * cells_a_plate],
            },
            "grid": {
                "low": np.array([built.grid.low]),
                "size": np.array([built.grid.size]),
                "number": np.array([built.grid.number], np.int32),
            },
            "cells": {"first": built.cells},
            "starters": {
                "brick": np.full(len(found.row), number, np.int32),
                "shower": found.shower,
                "row": found.row,
                "reason": found.reason.astype("S24"),
                "true_segments": found.true_segments,
                "primary_p": found.primary_p.astype(np.float32),
            },
        }

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.emulsion.figures.bricks import brick_figures

        return brick_figures(list(tables.values())[-1])

    def _rows(self, shared: BrickFiles, number: int) -> Columns:
        """All base-tracks of a brick that are given, by source."""
        from hpcml.workloads.emulsion.inputs import read_tracks

        p = self.parameters
        if shared.tracks is not None:
            parts = [{one.name: np.asarray(shared.tracks.array(one.name, "tracks")) for one in TRACK}]
        else:
            source = SIMULATION if p.kind == "simulation" else DATA
            parts = [read_tracks(shared.files[number], p.layout, source=source, branches=shared.branches)]
        if shared.background and not p.copy_films:
            path = shared.background[number if len(shared.background) > 1 else 0]
            parts.append(read_tracks(path, p.layout, source=BACKGROUND, branches=shared.branches))
        rows = joined(parts)
        if p.orientation == "from_upstream":
            plate, z = geometry.count_from_downstream(rows["plate"], rows["z"])
            rows |= {"plate": plate, "z": z.astype(np.float32)}
        if p.first_films:
            early = rows["plate"] > int(rows["plate"].max(initial=0)) - p.first_films
            rows = {name: column[early] for name, column in rows.items()}
        return rows

    def _copies(self, shared: BrickFiles, positions: NDArray[np.float64], start: int) -> Iterator[Columns]:
        """Four films of real background on every film of the brick, numbered from `start`, from upstream."""
        from hpcml.workloads.emulsion.inputs import read_tracks

        p, films = self.parameters, []
        for path in shared.background:
            rows = read_tracks(path, p.layout, source=BACKGROUND, branches=shared.branches)
            upstream = -1 if p.orientation == "from_downstream" else 1
            for plate in np.unique(rows["plate"])[::upstream].tolist():
                own = rows["plate"] == plate
                place = (rows[name][own].astype(np.float64) for name in ("x", "y", "tx", "ty"))
                films.append(background.Film(*place))
        if len(films) != SOURCE_FILMS:
            names = ", ".join(map(str, shared.background))
            raise UsageError(
                f"{names}: {len(films)} films to copy, not {SOURCE_FILMS}", "keep the first ones alone"
            )
        present = np.flatnonzero(np.isfinite(positions))[::-1].tolist()
        try:
            copies = background.replicated(films, len(present))
        except ValueError as error:
            raise UsageError(f"copy_films: {error}") from error
        for plate, film in zip(present, copies, strict=True):
            yield film_columns(film, plate, z=positions[plate], start=start, source=BACKGROUND)

    def _uniform(
        self, rows: Columns, positions: NDArray[np.float64], number: int, ctx: Context
    ) -> Iterator[Columns]:
        """Uniform background on each film over the area that base-tracks cover, numbered behind all
        others."""
        low = (float(rows["x"].min()), float(rows["y"].min()))
        high = (float(rows["x"].max()), float(rows["y"].max()))
        start = int(rows["id"].max()) + 1
        for plate in np.flatnonzero(np.isfinite(positions)).tolist():
            stream = ctx.stream("background", number, plate)
            film = background.uniform_film(stream, self.parameters.density, low=low, high=high)
            yield film_columns(film, plate, z=positions[plate], start=start, source=BACKGROUND)

    def _starters(self, built: brick.Brick, name: str) -> starters.Starters:
        columns = built.columns
        if self.parameters.kind == "data":
            if not (columns["track_id"] >= 0).any():
                raise UsageError(
                    f"{name}: no base-track is on a volume track, and showers of data start from these",
                    "name a file with TrackID, or set kind: simulation",
                )
            slopes = (columns["tx"], columns["ty"])
            return starters.data_starters(
                columns["plate"], columns["track_id"], slopes, which=self.parameters.which
            )
        signal = np.flatnonzero(columns["source"] == SIMULATION)
        own = {name: columns[name][signal] for name in ("plate", "event", "mc_track", "id", "p")}
        found = starters.simulated_starters(
            own["plate"], own["event"], own["mc_track"], own["id"], momentum=own["p"]
        )
        if not len(found.row):
            raise UsageError(
                f"{name} holds no simulated event", "set kind: data, or name a file of simulation"
            )
        row = np.where(found.row < 0, -1, signal[found.row])
        return found._replace(row=row)


def _is_step(tracks: Input) -> bool:
    """Whether base-tracks come from a step: a file input has no units."""
    try:
        tracks.keys()
    except UsageError:
        return False
    return True


def _positions(path: Path) -> dict[int, float]:
    """z of each plate in a geometry file."""
    found = read_map(path, keys=("plates",))["plates"]
    numbers = (int, float)
    if not isinstance(found, dict) or not all(
        type(plate) is int and plate >= 0 and type(z) in numbers and np.isfinite(z)
        for plate, z in found.items()
    ):
        raise UsageError(f"{path}: plates must give a z in um for each number", "plates: {0: 0, 1: -1315}")
    return {plate: float(z) for plate, z in found.items()}


def _branches(path: Path) -> dict[str, str]:
    """The tree, as `tree`, and the branch of each column in a file that names them."""
    found = read_map(path, keys=("tree", "columns"))
    columns = found["columns"]
    known = {one.name for one in TRACK}
    if not isinstance(columns, dict) or not set(columns) <= known:
        wrong = f": {min(map(str, set(columns) - known))} is none" if isinstance(columns, dict) else ""
        raise UsageError(f"{path}: columns must name branches of {', '.join(sorted(known))}{wrong}")
    return {"tree": str(found["tree"]), **{name: str(branch) for name, branch in columns.items()}}


def _moved(rows: Columns, target: Mapping[int, float], *, name: str) -> Columns:
    """Base-tracks on films at the z of a geometry file."""
    present = np.unique(rows["plate"]).tolist()
    missing = [plate for plate in present if plate not in target]
    if missing:
        raise UsageError(
            f"{name}: the geometry has no z of plate {missing[0]}", "name every plate that has base-tracks"
        )
    z = np.array([target.get(plate, np.nan) for plate in range(max(present) + 1)])[rows["plate"]]
    slopes = (rows["tx"].astype(np.float64), rows["ty"].astype(np.float64))
    x, y, old = (rows[one].astype(np.float64) for one in ("x", "y", "z"))
    x, y = projection.moved_to(x, y, old, slopes=slopes, target=z)
    return rows | {"x": x.astype(np.float32), "y": y.astype(np.float32), "z": z.astype(np.float32)}
