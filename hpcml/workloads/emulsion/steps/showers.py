"""From bricks to linked showers: the workload `emulsion.showers`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.workload import Column, Context, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.emulsion import linking, selection
from hpcml.workloads.emulsion.brick import Brick, Grid
from hpcml.workloads.emulsion.columns import BRICK, MEASURED, PRIMARY, SHOWER, SIMULATION, TRACK, one_row
from hpcml.workloads.refusals import reported

if TYPE_CHECKING:
    from numpy.typing import NDArray

CANDIDATES = Table(
    "candidates",
    (
        SHOWER,
        BRICK,
        *TRACK,
        Column("signal", "uint8", (), "", "1 for simulated base-tracks of this event"),
        *MEASURED,
    ),
)
SHOWERS = Table(
    "showers",
    (
        SHOWER,
        BRICK,
        *(column for column in TRACK if column.name not in ("source", "mc_track", "flag", "track_id")),
        PRIMARY,
        Column("slope", "float32", (), "um", "of the growing rectangle, full width a film"),
        Column("intercept", "float32", (), "um", "full width of the rectangle at the injector"),
        Column("true_segments", "uint32", (), "", "simulated base-tracks downstream of the injector"),
        Column("in_pyramid", "uint32", (), "", "base-tracks inside the growing rectangles"),
        Column("after_cuts", "uint32", (), "", "of these, after the cuts on angle and impact parameter"),
        Column("linked", "uint32", (), "", "of these, linked to the injector"),
    ),
)
# copied from the injector
INJECTOR = ("plate", "id", "x", "y", "z", "tx", "ty", "event", "p")
SELECTED = ("dtheta", "ip", "ip_over_dz", "cone_tan")
LINKED = ("dx", "dy", "dtx", "dty", "angle", "dr", "films")


@dataclass(frozen=True, slots=True)
class ShowerParameters:
    """cuts: see selection.py. links: see linking.py."""

    cuts: selection.Cuts = field(default_factory=selection.Cuts)
    links: linking.Links = field(default_factory=linking.Links)


class LinkedShowers(Workload):
    """Candidates of each injector, selected and linked. A unit is a shower."""

    name = "emulsion.showers"
    version = 2
    Parameters = ShowerParameters
    inputs = (InputSpec("bricks", "a step emulsion.prepare", kind="step"),)
    parameters: ShowerParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        columns = inputs["bricks"].columns("starters", "row", "brick", "shower")
        starters = zip(*(column.tolist() for column in columns), strict=True)
        for number, (row, brick, shower) in enumerate(starters):
            if row >= 0:
                yield Unit(f"brick-{brick:03d}-shower-{shower:06d}", {"starter": number, "brick": brick})

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return CANDIDATES, SHOWERS

    def open(self, inputs: Mapping[str, Input]) -> Bricks:
        return Bricks(inputs["bricks"])

    def process(self, unit: Unit, shared: Bricks, ctx: Context) -> Mapping[str, Mapping[str, Any]]:
        p, number = self.parameters, unit.integer("brick")
        brick = shared.brick(number)
        starter = shared.starter(unit.integer("starter"))
        seed, shower = int(starter["row"]), int(starter["shower"])
        columns = brick.columns
        injector = selection.injector_at(columns, seed)
        with reported(extra="emulsion"):
            found = selection.select(brick, injector, p.cuts)
            order = linking.link_order(columns, found.row)
            rows = found.row[order]
            linked = linking.link(linking.segments_of(columns, seed, rows), p.links)
        kept = np.flatnonzero(linked.before[1:] >= 0)
        own, size = rows[kept], len(kept)
        signal = (columns["source"][own] == SIMULATION) & (columns["event"][own] == injector.event)
        candidates = {
            "shower": np.full(size, shower, np.int32),
            "brick": np.full(size, number, np.int32),
            **{column.name: columns[column.name][own] for column in TRACK},
            "signal": signal.astype(np.uint8),
            **{name: getattr(found, name)[order][kept] for name in SELECTED},
            "depth_films": (injector.plate - columns["plate"][own]).astype(np.int32),
            **{f"link_{name}": getattr(linked, name)[1:][kept] for name in LINKED},
        }
        row = {
            "shower": shower,
            "brick": number,
            **{name: columns[name][seed] for name in INJECTOR},
            "primary_p": starter["primary_p"],
            "slope": p.cuts.slope,
            "intercept": p.cuts.intercept,
            "true_segments": starter["true_segments"],
            "in_pyramid": found.in_pyramid,
            "after_cuts": len(found.row),
            "linked": size,
        }
        return {"candidates": candidates, "showers": one_row(SHOWERS, **row)}


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
            low, size, cells = (self._part(number, "grid", name)[0] for name in ("low", "size", "number"))
            self._open[number] = Brick(
                {column.name: self._part(number, "tracks", column.name) for column in TRACK},
                np.asarray(self._part(number, "plates", "z")),
                Grid((float(low[0]), float(low[1])), float(size), (int(cells[0]), int(cells[1]))),
                np.asarray(self._part(number, "cells", "first")),
            )
        return self._open[number]

    def _part(self, number: int, table: str, column: str) -> NDArray[Any]:
        first, count = self._table.index(table)[number].tolist()
        return self._table.array(column, table)[first : first + count]
