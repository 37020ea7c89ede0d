"""From base-tracks to sorted bricks and their starters: the workload `emulsion.prepare`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from annotated_types import Ge, Gt

from hpcml.errors import UsageError
from hpcml.workload import Column, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.emulsion import background, base_tracks, brick, geometry, projection
from hpcml.workloads.emulsion.columns import (
    BACKGROUND,
    BRICK,
    DATA,
    PRIMARY,
    SIMULATION,
    TRACK,
    TRACKS,
)
from hpcml.workloads.emulsion.starters import brick_starters
from hpcml.workloads.refusals import reported

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.readers.yaml_map import BranchMap

    Columns = dict[str, NDArray[Any]]

SOURCE_FILMS = 4

PLATES = Table(
    "plates",
    (
        Column("plate", "int32", (), "", "film, counted from downstream"),
        Column("z", "float64", (), "um", "of all its base-tracks, NaN where it has none"),
        Column("first", "int64", (), "", "its first row among the brick's base-tracks"),
    ),
)
GRID = Table(
    "grid",
    (
        Column("low", "float64", (2,), "um", "corner of the grid of cells in x and y"),
        Column("size", "float64", (), "um", "side of a cell"),
        Column("number", "int32", (2,), "", "cells in x and y"),
    ),
)
CELLS = Table(
    "cells",
    (
        Column(
            "first", "int64", (), "", "first row of each cell among the brick's base-tracks, by plate, x, y"
        ),
    ),
)
STARTERS = Table(
    "starters",
    (
        BRICK,
        Column("shower", "int32", (), "", "number of the shower: its event, or counted from 0 for data"),
        Column("row", "int64", (), "", "its base-track among the brick's, -1 where none was found"),
        Column("reason", "S24", (), "", "why none was found"),
        Column("true_segments", "uint32", (), "", "simulated base-tracks downstream of it"),
        PRIMARY,
    ),
)


@dataclass(frozen=True, slots=True)
class PrepareParameters:
    """kind: how starters are found, see starters.py. layout: of files, see inputs.py. orientation: which way
    they count plates. first_films: that many of the most upstream films alone, 0 for all. copy_films: the
    background files hold four films in all, which are copied to every film of the brick by reflections,
    see background.py. which: segment of a volume track that data start from. density: uniform background
    added to each film, base-tracks per cm2. cell_size: um, of the index."""

    kind: Literal["simulation", "data"] = "simulation"
    layout: Literal["base_tracks", "faser", "root"] = "base_tracks"
    orientation: geometry.Orientation = "from_downstream"
    first_films: Annotated[int, Ge(0)] = 0
    copy_films: bool = False
    which: Literal["last", "first"] = "last"
    density: Annotated[float, Ge(0)] = 0.0
    cell_size: Annotated[float, Gt(0)] = 1000.0


class BrickFiles(NamedTuple):
    """What bricks are made of. tracks: a step's table, or None. files: one per brick. background: none, one
    for all, or one per brick. positions: z of each plate to move to, or None. branches: of ROOT trees."""

    tracks: Input | None
    files: list[Path]
    background: list[Path]
    positions: Mapping[int, float] | None
    branches: BranchMap | None


class PreparedBricks(Workload):
    """Base-tracks -> sorted bricks and their starters. A unit is a brick: a file, or a step."""

    name = "emulsion.prepare"
    version = 2
    Parameters = PrepareParameters
    inputs = (
        InputSpec("tracks", "files of base-tracks, one per brick, or a step emulsion.synthetic"),
        InputSpec(
            "background",
            "files of background base-tracks: one for all bricks, or one for each",
            required=False,
            kind="files",
        ),
        InputSpec(
            "geometry",
            "a YAML file, `plates: {0: z, 1: z, ...}`: base-tracks are moved there",
            required=False,
            kind="files",
        ),
        InputSpec(
            "branches",
            "for ROOT trees, a YAML file: `tree: NAME, columns: {x: BRANCH, ...}`",
            required=False,
            kind="files",
        ),
    )
    parameters: PrepareParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        tracks = inputs["tracks"]
        for number in range(1 if tracks.is_step else len(tracks.paths)):
            yield Unit(f"brick-{number:03d}", {"brick": number})

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return TRACKS, PLATES, GRID, CELLS, STARTERS

    def open(self, inputs: Mapping[str, Input]) -> BrickFiles:
        from hpcml.workloads.emulsion.inputs import read_plate_positions, read_track_branches

        paths = {
            name: list(inputs[name].paths) if name in inputs else []
            for name in ("background", "geometry", "branches")
        }
        tracks = inputs["tracks"]
        files = [] if tracks.is_step else list(tracks.paths)
        more = paths["background"]
        if self.parameters.copy_films:
            if not more:
                raise UsageError("copy_films: true needs an input `background`", "files that hold four films")
        elif len(more) not in (0, 1, max(len(files), 1)):
            raise UsageError(
                f"{len(files)} bricks and {len(more)} files of background", "one for all, or one for each"
            )
        positions = read_plate_positions(paths["geometry"][0]) if paths["geometry"] else None
        branches = read_track_branches(paths["branches"][0]) if paths["branches"] else None
        return BrickFiles(tracks if tracks.is_step else None, files, more, positions, branches)

    def process(self, unit: Unit, shared: BrickFiles, ctx: Context) -> Mapping[str, Mapping[str, Any]]:
        p, number = self.parameters, unit.integer("brick")
        name = str(shared.files[number]) if shared.files else "the brick"
        rows = self._rows(shared, number)
        with reported(name):
            base_tracks.check_base_tracks(rows)
            if shared.positions is not None:
                rows = projection.moved_to_films(rows, shared.positions)
            positions = geometry.plate_positions(rows["plate"], rows["z"])
        if p.copy_films:
            rows = base_tracks.joined([rows, *self._copies(shared, positions, int(rows["id"].max()) + 1)])
        if p.density:
            rows = base_tracks.joined([rows, *self._uniform(rows, positions, number, ctx)])
        # one z for each plate from here on
        rows["z"] = positions[rows["plate"]].astype(np.float32)
        with reported(name):
            built = brick.build(rows, positions, size=p.cell_size)
            found = brick_starters(built.columns, kind=p.kind, which=p.which)
        grid = built.grid
        return {
            "tracks": built.columns,
            "plates": brick.plate_rows(built),
            "grid": {
                "low": np.array([grid.low]),
                "size": grid.size,
                "number": np.array([grid.number], np.int32),
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

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.emulsion.figures.prepare import brick_figures

        return brick_figures(table)

    def _rows(self, shared: BrickFiles, number: int) -> Columns:
        """All base-tracks of a brick that are given, by source."""
        from hpcml.workloads.emulsion.inputs import read_tracks

        p = self.parameters
        if shared.tracks is not None:
            names = [column.name for column in TRACK]
            parts = [dict(zip(names, shared.tracks.columns("tracks", *names), strict=True))]
        else:
            source = SIMULATION if p.kind == "simulation" else DATA
            parts = [read_tracks(shared.files[number], p.layout, source=source, branches=shared.branches)]
        if shared.background and not p.copy_films:
            path = shared.background[number if len(shared.background) > 1 else 0]
            parts.append(read_tracks(path, p.layout, source=BACKGROUND, branches=shared.branches))
        rows = base_tracks.joined(parts)
        if p.orientation == "from_upstream":
            plate, z = geometry.count_from_downstream(rows["plate"], rows["z"])
            rows |= {"plate": plate, "z": z.astype(np.float32)}
        return base_tracks.most_upstream(rows, p.first_films) if p.first_films else rows

    def _copies(self, shared: BrickFiles, positions: NDArray[np.float64], start: int) -> Iterator[Columns]:
        """Four films of real background on every film of the brick, numbered from `start`, from upstream."""
        from hpcml.workloads.emulsion.inputs import read_tracks

        p, films = self.parameters, []
        for path in shared.background:
            rows = read_tracks(path, p.layout, source=BACKGROUND, branches=shared.branches)
            films += base_tracks.films_of(rows, highest_first=p.orientation == "from_downstream")
        if len(films) != SOURCE_FILMS:
            names = ", ".join(map(str, shared.background))
            raise UsageError(
                f"{names}: {len(films)} films to copy, not {SOURCE_FILMS}", "keep the first ones alone"
            )
        present = np.flatnonzero(np.isfinite(positions))[::-1].tolist()
        with reported("copy_films"):
            copies = background.replicated(films, len(present))
        for plate, film in zip(present, copies, strict=True):
            yield base_tracks.film_columns(film, plate, z=positions[plate], start=start, source=BACKGROUND)

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
            yield base_tracks.film_columns(film, plate, z=positions[plate], start=start, source=BACKGROUND)
