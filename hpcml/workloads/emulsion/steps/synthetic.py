"""Simulated bricks: the workload `emulsion.synthetic`.

Units, and which function gets which array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.workload import Arrays, Context, Input, Table, Unit, Workload
from hpcml.workloads.emulsion import background
from hpcml.workloads.emulsion.columns import film_columns, joined, track_columns
from hpcml.workloads.emulsion.parameters import SyntheticParameters
from hpcml.workloads.emulsion.tables import BACKGROUND, DATA, SIMULATION, TRACKS

if TYPE_CHECKING:
    from hpcml.workloads.emulsion.columns import Columns

PER_SHOWER = 100_000  # numbers of base-tracks that a simulated shower may use
PER_FILM = 10**9  # and background that begins on a film
BACKGROUND_OF_DATA = 10**12  # from here on, so that it does not meet those of showers


class SyntheticBrick(Workload):
    """Simulated showers and background of one brick. A unit is a block of showers, or the background that
    begins on a film."""

    name = "emulsion.synthetic"
    version = 2
    Parameters = SyntheticParameters
    unit_parameters = frozenset({"showers"})
    parameters: SyntheticParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        p = self.parameters
        # the background first: showers may become more
        if p.density:
            for plate in range(p.detector.films):
                yield Unit(f"background-{plate:03d}", {"plate": plate, "first": 0, "count": 0}, 1.0)
        for first in range(0, p.showers, p.block_size):
            count = min(p.block_size, p.showers - first)
            yield Unit(
                f"showers-{first:05d}-{first + count - 1:05d}", {"plate": -1, "first": first, "count": count}
            )

    def tables(self) -> tuple[Table, ...]:
        return (TRACKS,)

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        plate = int(unit.payload["plate"])
        if plate >= 0:
            return {"tracks": self._background(plate, ctx)}
        first = int(unit.payload["first"])
        showers = [self._shower(number, ctx) for number in range(first, first + int(unit.payload["count"]))]
        return {"tracks": joined(showers)}

    def _background(self, plate: int, ctx: Context) -> Columns:
        p = self.parameters
        detector, rng = p.detector, ctx.stream("background", plate)
        corners = ((0.0, 0.0), detector.side)
        # films further in hold what goes on from upstream, too
        share = 1.0 if plate == detector.films - 1 else 1.0 - p.through_going
        begun = background.uniform_film(rng, share * p.density, low=corners[0], high=corners[1])
        found = background.continued(
            rng, begun, p.through_going, plate + 1, pitch=detector.pitch,
            errors=(detector.position_error, detector.slope_error), inside=corners,
        )  # fmt: skip
        source, start = (BACKGROUND, 0) if p.kind == "simulation" else (DATA, BACKGROUND_OF_DATA)
        start += plate * PER_FILM
        where = plate - found.step
        columns = film_columns(found.film, where, z=-detector.pitch * where, start=start, source=source)
        if p.kind == "data":
            # what an external tracker makes a volume track of
            long = np.bincount(found.track, minlength=len(begun.x)) > 1
            columns["track_id"] = np.where(long[found.track], start + found.track, -1)
        return columns

    def _shower(self, number: int, ctx: Context) -> Columns:
        from hpcml.workloads.emulsion.synthetic import electron_shower

        p = self.parameters
        energy = p.energies[number % len(p.energies)]
        shower = electron_shower(ctx.stream("shower", number), energy, p.detector)
        size = len(shower.x)
        given: dict[str, Any] = {**shower._asdict(), "id": number * PER_SHOWER + np.arange(size)}
        if p.kind == "simulation":
            flag = np.where(shower.mc_track % 2 == 0, 11, -11)
            given |= {"source": SIMULATION, "event": number, "flag": flag}
        else:
            track = np.where(shower.mc_track == 0, number, -1)
            given = {key: value for key, value in given.items() if key not in ("mc_track", "p")}
            given |= {"source": DATA, "track_id": track}
        return track_columns(size, given)
