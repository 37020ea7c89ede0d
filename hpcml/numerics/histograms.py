"""Histograms and profiles of samples: bin edges, counts per bin, means per bin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Profile(NamedTuple):
    """Mean of y in each bin of x that holds a point: (bins,) each.

    centre: of the bin. mean: of y. error: of the mean. number: int64, points.
    """

    centre: Floats
    mean: Floats
    error: Floats
    number: NDArray[np.int64]


def bin_edges(
    values: NDArray[np.floating], limits: tuple[float, float] | None, bins: int, *, margin: float = 0.0
) -> Floats:
    """float64 (bins + 1,): edges of equal bins between `limits`; without limits from the smallest value, or
    0 when all are above it, to `margin` above the largest, or above 0 when all are below it."""
    low, high = limits or (float(values.min(initial=0.0)), float(values.max(initial=0.0)) + margin)
    return np.linspace(low, high, bins + 1, dtype=np.float64)


def histogram_columns(
    samples: Mapping[str, Mapping[str, NDArray[np.floating]]], edges: Mapping[str, Floats]
) -> dict[str, NDArray[Any]]:
    """Histograms of several features and samples as one table with a row per bin.

    samples: {sample: {feature: values (n,)}}. edges: {feature: (bins + 1,)}. Returned: `feature` (text),
    `low` and `high` of the bin, and for each sample uint64 counts; the last bin holds its upper edge.
    """
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("feature", "low", "high", *samples)}
    for feature, own in edges.items():
        parts["feature"].append(np.full(len(own) - 1, feature))
        parts["low"].append(own[:-1])
        parts["high"].append(own[1:])
        for sample, values in samples.items():
            parts[sample].append(np.histogram(values[feature], own)[0].astype(np.uint64))
    return {name: np.concatenate(pieces) for name, pieces in parts.items()}


def profile(x: NDArray[Any], y: Floats, edges: Floats) -> Profile:
    """The mean of y (n,) in bins of x (n,); low edge <= x < high edge, points outside are left out.

    The error is the standard deviation over the square root of the number; a bin whose points do not
    spread (a single one) takes the median standard deviation of the other bins, or 1 without any.
    """
    place = np.digitize(x, edges) - 1
    inside = (place >= 0) & (place < len(edges) - 1)
    number = np.bincount(place[inside], minlength=len(edges) - 1)
    filled = np.flatnonzero(number)
    rows = [y[inside][place[inside] == index] for index in filled]
    mean = np.array([values.mean() for values in rows])
    spread = np.array([values.std(ddof=1) if len(values) > 1 else np.nan for values in rows])
    usual = np.nanmedian(spread) if np.isfinite(spread).any() else 1.0
    spread = np.where(np.isfinite(spread) & (spread > 0), spread, usual if usual > 0 else 1.0)
    centre = 0.5 * (edges[:-1] + edges[1:])[filled]
    return Profile(centre, mean, spread / np.sqrt(number[filled]), number[filled])
