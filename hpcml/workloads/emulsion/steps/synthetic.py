"""Simulated bricks: the workload `emulsion.synthetic`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from hpcml.workload import Arrays, Context, Input, Table, Unit, Workload, block_units
from hpcml.workloads.emulsion.base_tracks import film_columns, joined, track_columns
from hpcml.workloads.emulsion.columns import BACKGROUND, DATA, SIMULATION, TRACKS
from hpcml.workloads.emulsion.synthetic import Detector, background_from_film, electron_shower

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = dict[str, NDArray[Any]]

PER_SHOWER = 100_000  # numbers of base-tracks that a simulated shower may use
PER_FILM = 10**9  # and background that begins on a film
BACKGROUND_OF_DATA = 10**12  # from here on, so that it does not meet those of showers
ELECTRON = 11  # PDG code


@dataclass(frozen=True, slots=True)
class SyntheticParameters:
    """showers: how many exist, block_size of them in a unit. energies: GeV, in turn. density: background
    base-tracks per cm2 and film. through_going: probability that one of these goes on to the next film. kind:
    `data` has volume tracks, of the primaries and of background that goes on, and no truth. detector: see
    synthetic.py."""

    showers: Annotated[int, Ge(0)] = 60
    block_size: Annotated[int, Ge(1)] = 10
    energies: tuple[Annotated[float, Gt(0.1)], ...] = (6.0,)
    density: Annotated[float, Ge(0)] = 100.0
    through_going: Annotated[float, Ge(0), Lt(1)] = 0.0
    kind: Literal["simulation", "data"] = "simulation"
    detector: Detector = field(default_factory=Detector)

    def __post_init__(self) -> None:
        if not self.energies:
            raise ValueError("energies must name at least one")


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
        yield from block_units("showers", p.showers, p.block_size, digits=5, cost=1.0, plate=-1)

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (TRACKS,)

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        plate = unit.integer("plate")
        if plate >= 0:
            return {"tracks": self._background(plate, ctx)}
        first = unit.integer("first")
        numbers = range(first, first + unit.integer("count"))
        return {"tracks": joined([self._shower(number, ctx) for number in numbers])}

    def _background(self, plate: int, ctx: Context) -> Columns:
        p = self.parameters
        found = background_from_film(
            ctx.stream("background", plate), plate, p.detector, density=p.density,
            through_going=p.through_going,
        )  # fmt: skip
        simulated = p.kind == "simulation"
        start = plate * PER_FILM + (0 if simulated else BACKGROUND_OF_DATA)
        plates = plate - found.step
        z = -p.detector.pitch * plates
        columns = film_columns(found.film, plates, z=z, start=start, source=BACKGROUND if simulated else DATA)
        if not simulated:
            # what an external tracker makes a volume track of
            goes_on = np.bincount(found.track) > 1
            columns["track_id"] = np.where(goes_on[found.track], start + found.track, -1)
        return columns

    def _shower(self, number: int, ctx: Context) -> Columns:
        p = self.parameters
        energy = p.energies[number % len(p.energies)]
        shower = electron_shower(ctx.stream("shower", number), energy, p.detector)
        size = len(shower.x)
        given: dict[str, Any] = {**shower._asdict(), "id": number * PER_SHOWER + np.arange(size)}
        if p.kind == "simulation":
            flag = np.where(shower.mc_track % 2 == 0, ELECTRON, -ELECTRON)
            given |= {"source": SIMULATION, "event": number, "flag": flag}
        else:
            track = np.where(shower.mc_track == 0, number, -1)
            given = {key: value for key, value in given.items() if key not in ("mc_track", "p")}
            given |= {"source": DATA, "track_id": track}
        return track_columns(size, given)
