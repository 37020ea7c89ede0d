"""Is a linked segment part of the shower? The features of segments, how trees are weighted, what is counted.

A shower is named by its injector (number, brick, id and position of the base-track): numbers alone occur
again in other bricks and campaigns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from annotated_types import Ge

from hpcml.learning.training import ForestSettings
from hpcml.numerics.histograms import bin_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEATURES = ("link_dx", "link_dy", "link_dtx", "link_dty", "dtheta", "ip_over_dz", "cone_tan")
SIGNAL_WEIGHT = 100.0
FOREST = "forest.h5"  # the artifact
NEEDS_BOTH = "a forest needs signal (class 1) and background (class 0)"
INJECTOR = ("shower", "brick", "id", "x", "y")
KINDS = ("true_positive", "false_positive", "false_negative", "true_negative")
# feature -> range that is compared, or None for all values
COMPARED: dict[str, tuple[float, float] | None] = {
    "dtheta": None,
    "cone_tan": None,
    "ip_over_dz": None,
    "link_dty": (-0.22, 0.22),
}


class Segments(NamedTuple):
    """All linked segments of some showers. values: float64 (n, features). signal: uint8 (n,). shower: int64
    (n,), its row in the table of showers."""

    values: NDArray[np.float64]
    signal: NDArray[np.uint8]
    shower: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """How a tree is grown. depth: at most. weights: classes balanced in each tree's sample, or
    `signal_100` as for data."""

    depth: Annotated[int, Ge(1)] = 200
    weights: Literal["balanced", "signal_100"] = "balanced"

    def forest(self, trees: int) -> ForestSettings:
        """Settings of a forest of such trees."""
        weights = None if self.weights == "balanced" else (1.0, SIGNAL_WEIGHT)
        return ForestSettings(trees, self.depth, weights)


def in_training(
    injectors: Sequence[NDArray[Any]], split: Sequence[NDArray[Any]], trained: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Which showers a forest was trained on, bool (n,). injectors: columns INJECTOR of these showers (n,);
    split: the same columns (m,) of the showers of the training; trained: (m,), 1 for those it used."""
    known = set(_names(values[trained == 1] for values in split))
    return np.array([name in known for name in _names(injectors)], np.bool_)


def _names(columns: Any) -> Iterator[tuple[Any, ...]]:
    return zip(*(values.tolist() for values in columns), strict=True)


def counts_by_shower(
    shower: NDArray[np.integer], signal: NDArray[np.bool_], predicted: NDArray[np.bool_], *, showers: int
) -> dict[str, NDArray[np.uint32]]:
    """Segments of each shower by what they are and what they were taken for: uint32 (showers,) each of
    `size` (predicted to be signal) and KINDS. shower: 0 .. showers-1, (n,) as the others."""

    def number(chosen: NDArray[np.bool_]) -> NDArray[np.uint32]:
        return np.bincount(shower[chosen], minlength=showers).astype(np.uint32)

    return {
        "size": number(predicted),
        "true_positive": number(signal & predicted),
        "false_positive": number(~signal & predicted),
        "false_negative": number(signal & ~predicted),
        "true_negative": number(~signal & ~predicted),
    }


def segments_to_compare(
    size: NDArray[np.integer],
    trained: NDArray[np.integer],
    segments: NDArray[np.integer],
    predicted: NDArray[np.integer],
    *,
    least: int,
) -> tuple[int, NDArray[np.bool_]]:
    """Number of showers with at least `least` predicted segments that the forest was not trained on, and
    which segments (n,) are predicted ones of these.

    size, trained, segments: (showers,), predicted segments, 1 if trained on, all segments. predicted: (n,),
    in the order of the showers.
    """
    good = (size >= least) & (trained == 0)
    return int(good.sum()), np.repeat(good, segments) & (predicted == 1)


def feature_edges(feature: str, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Bins of a compared feature: 100 in its range, or 50 up to 0.1 above the largest value."""
    limits = COMPARED[feature]
    return bin_edges(values, limits, 100 if limits else 50, margin=0.1)
