"""From bricks to linked showers: the workload `emulsion.showers`.

Units, and which function gets which array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.workload import Arrays, Context, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.emulsion import linking, selection
from hpcml.workloads.emulsion.brick import Brick, Grid
from hpcml.workloads.emulsion.parameters import ShowerParameters
from hpcml.workloads.emulsion.tables import CANDIDATES, SHOWERS, SIMULATION, TRACK

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LinkedShowers(Workload):
    """Candidates of each injector, selected and linked. A unit is a shower."""

    name = "emulsion.showers"
    version = 2
    Parameters = ShowerParameters
    inputs = (InputSpec("bricks", "a step emulsion.prepare"),)
    parameters: ShowerParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        bricks = inputs["bricks"]
        row = np.asarray(bricks.array("row", "starters"))
        names = zip(
            np.asarray(bricks.array("brick", "starters")).tolist(),
            np.asarray(bricks.array("shower", "starters")).tolist(),
            strict=True,
        )
        for number, (brick, shower) in enumerate(names):
            if row[number] >= 0:
                yield Unit(f"brick-{brick:03d}-shower-{shower:06d}", {"starter": number, "brick": brick})

    def tables(self) -> tuple[Table, ...]:
        return CANDIDATES, SHOWERS

    def open(self, inputs: Mapping[str, Input]) -> Bricks:
        return Bricks(inputs["bricks"])

    def process(self, unit: Unit, shared: Bricks, ctx: Context) -> Mapping[str, Arrays]:
        p, number = self.parameters, int(unit.payload["brick"])
        brick = shared.brick(number)
        starter = shared.starter(int(unit.payload["starter"]))
        seed = int(starter["row"])
        columns = brick.columns
        x, y, z, tx, ty = (float(columns[name][seed]) for name in ("x", "y", "z", "tx", "ty"))
        event = int(columns["event"][seed]) if columns["source"][seed] == SIMULATION else -1
        injector = selection.Injector(int(columns["plate"][seed]), x, y, z, tx, ty, event)
        found = selection.select(brick, injector, p.cuts)
        # by falling plate and rising number, as linking wants them
        keys = [columns[name][found.row] for name in ("source", "id")]
        order = np.lexsort((*keys, -columns["plate"][found.row]))
        rows = found.row[order]
        linked = linking.link(_segments(columns, seed, rows), p.links)
        kept = np.flatnonzero(linked.before[1:] >= 0)
        own, size = rows[kept], len(kept)
        shower = int(starter["shower"])
        signal = (columns["source"][own] == SIMULATION) & (columns["event"][own] == injector.event)
        candidates: dict[str, NDArray[Any]] = {
            "shower": np.full(size, shower, np.int32),
            "brick": np.full(size, number, np.int32),
            **{one.name: np.asarray(columns[one.name][own]) for one in TRACK},
            "signal": signal.astype(np.uint8),
            **{
                name: getattr(found, name)[order][kept] for name in ("dtheta", "ip", "ip_over_dz", "cone_tan")
            },
            "depth_films": (injector.plate - columns["plate"][own]).astype(np.int32),
            **{
                f"link_{name}": getattr(linked, name)[1:][kept]
                for name in ("dx", "dy", "dtx", "dty", "angle", "dr", "films")
            },
        }
        counts = {
            "true_segments": starter["true_segments"],
            "in_pyramid": found.in_pyramid,
            "after_cuts": len(found.row),
            "linked": size,
        }
        names = ("plate", "id", "x", "y", "z", "tx", "ty", "event", "p")
        row = {
            "shower": np.array([shower], np.int32),
            "brick": np.array([number], np.int32),
            **{name: np.asarray(columns[name][seed : seed + 1]) for name in names},
            "primary_p": np.array([starter["primary_p"]], np.float32),
            "slope": np.array([p.cuts.slope], np.float32),
            "intercept": np.array([p.cuts.intercept], np.float32),
            **{name: np.array([value], np.uint32) for name, value in counts.items()},
        }
        return {"candidates": candidates, "showers": row}


def _segments(columns: Mapping[str, NDArray[Any]], seed: int, rows: NDArray[np.int64]) -> linking.Segments:
    """The injector and the selected base-tracks, in double precision."""
    every = np.r_[seed, rows]
    place = [columns[name][every].astype(np.float64) for name in ("x", "y", "z", "tx", "ty")]
    return linking.Segments(columns["plate"][every].astype(np.int64), *place)


class Bricks:
    """The bricks of a merged `emulsion.prepare`: memory-mapped, shared by the ranks of a node."""

    def __init__(self, table: Input) -> None:
        self._table = table
        self._open: dict[int, Brick] = {}

    def starter(self, number: int) -> dict[str, Any]:
        """The columns of one starter."""
        names = ("row", "shower", "true_segments", "primary_p")
        return {name: self._table.array(name, "starters")[number] for name in names}

    def brick(self, number: int) -> Brick:
        """Brick `number`, opened once."""
        if number not in self._open:
            part = {
                name: slice(*self._extent(number, name)) for name in ("tracks", "plates", "cells", "grid")
            }
            table = self._table
            low, size, cells = (
                table.array(name, "grid")[part["grid"]][0] for name in ("low", "size", "number")
            )
            self._open[number] = Brick(
                {one.name: table.array(one.name, "tracks")[part["tracks"]] for one in TRACK},
                np.asarray(table.array("z", "plates")[part["plates"]]),
                Grid((float(low[0]), float(low[1])), float(size), (int(cells[0]), int(cells[1]))),
                np.asarray(table.array("first", "cells")[part["cells"]]),
            )
        return self._open[number]

    def _extent(self, number: int, table: str) -> tuple[int, int]:
        first, count = self._table.index(table)[number].tolist()
        return first, first + count
