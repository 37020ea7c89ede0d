"""What a job file may set for the workloads from base-tracks to linked showers, with defaults and bounds.

Frozen dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from hpcml.workloads.emulsion.geometry import Orientation
from hpcml.workloads.emulsion.linking import Links
from hpcml.workloads.emulsion.selection import Cuts
from hpcml.workloads.emulsion.synthetic import Detector


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
            raise ValueError("energies must hold at least one")


@dataclass(frozen=True, slots=True)
class PrepareParameters:
    """kind: how starters are found, see starters.py. layout: of files, see inputs.py. orientation: which way
    they count plates. first_films: that many of the most upstream films alone, 0 for all. copy_films: the
    background files hold four films in all, which are copied to every film of the brick by reflections,
    see background.py. which: segment of a volume track that data start from. density: uniform background
    added to each film, base-tracks per cm2. cell_size: um, of the index."""

    kind: Literal["simulation", "data"] = "simulation"
    layout: Literal["base_tracks", "faser", "root"] = "base_tracks"
    orientation: Orientation = "from_downstream"
    first_films: Annotated[int, Ge(0)] = 0
    copy_films: bool = False
    which: Literal["last", "first"] = "last"
    density: Annotated[float, Ge(0)] = 0.0
    cell_size: Annotated[float, Gt(0)] = 1000.0


@dataclass(frozen=True, slots=True)
class ShowerParameters:
    """cuts: see selection.py. links: see linking.py."""

    cuts: Cuts = field(default_factory=Cuts)
    links: Links = field(default_factory=Links)
