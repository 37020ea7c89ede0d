"""What a job file may set for classification and energies, with defaults and bounds.

Frozen dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

Share = Annotated[float, Gt(0), Lt(1)]


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """How a tree is grown. depth: at most. weights: classes balanced in each tree's sample, or
    `signal_100` as for data."""

    depth: Annotated[int, Ge(1)] = 200
    weights: Literal["balanced", "signal_100"] = "balanced"


@dataclass(frozen=True, slots=True)
class TrainParameters:
    """trees: of the forest, block_size of them in a unit. tree: see TreeSettings. test_share: of showers that
    are not trained on."""

    trees: Annotated[int, Ge(1)] = 500
    block_size: Annotated[int, Ge(1)] = 25
    tree: TreeSettings = field(default_factory=TreeSettings)
    test_share: Share = 0.3


@dataclass(frozen=True, slots=True)
class FoldParameters:
    """folds: a unit each; trees and tree as in training. split: by whole showers; by rows only to compare,
    since rows of one shower know each other."""

    folds: Annotated[int, Ge(2)] = 5
    split: Literal["showers", "rows"] = "showers"
    trees: Annotated[int, Ge(1)] = 100
    tree: TreeSettings = field(default_factory=TreeSettings)


@dataclass(frozen=True, slots=True)
class ApplyParameters:
    """block_size: showers of a unit. threshold: of the score above which a segment is signal. displays:
    numbers of the showers that the report draws, none for the three largest; they change no result."""

    block_size: Annotated[int, Ge(1)] = 50
    threshold: Share = 0.5
    displays: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CompareParameters:
    """min_size: segments from which on a shower is compared."""

    min_size: Annotated[int, Ge(0)] = 50


@dataclass(frozen=True, slots=True)
class EnergyParameters:
    """intercept, slope: GeV and GeV a segment, of the published line; `calibrate` fits them to a share
    `fit_share` of the showers whose true energy is known and that were not trained on; the resolution is that
    of the others. fit_above: segments above which a shower is fitted to, if its injector carries all but 0.1
    GeV. fit_sizes: first and last size of the profile that the line is fitted to. min_size: segments
    from which on a shower has an energy. resolution_energies: GeV, of the curve through the resolutions."""

    calibrate: bool = False
    intercept: float = 0.42
    slope: Annotated[float, Gt(0)] = 0.04
    min_size: Annotated[int, Ge(0)] = 50
    fit_sizes: tuple[int, int] = (50, 180)
    fit_above: Annotated[int, Ge(0)] = 29
    fit_share: Share = 0.5
    resolution_energies: tuple[float, float] = (3.0, 10.0)
