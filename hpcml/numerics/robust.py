"""Standardised values whose mean and deviation are not moved by outliers.

Each set of values is computed in one fixed order of operations: its numbers do not depend on the sets
beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIM_QUANTILE = 0.8
# standard deviation of a Gaussian over that of its central 80 % (the exact value is 1.5115)
TRIM_CONSISTENCY = 1.51
ROUNDING = 1e-12


def trimmed_z(
    values: NDArray[np.float64], scale: NDArray[np.float64], taking_part: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """z = (value - mean) / (1.51 std) over the last axis of `values` (..., n), float64 of equal shape.

    Mean and standard deviation leave out the values that are farther from the median than the 80 % quantile
    of that distance. taking_part: bool (..., n), broadcast to `values`; z of the others is 0. scale: (...),
    typical size of the numbers whose differences `values` are: a std below 1e-12 of it is rounding, and z is
    0 there.
    """
    part = np.broadcast_to(taking_part, values.shape)
    number = part.sum(axis=-1, keepdims=True)
    distance = np.abs(values - _quantile(values, 0.5, part=part, number=number))
    kept = part & (distance <= _quantile(distance, TRIM_QUANTILE, part=part, number=number))
    size = np.maximum(kept.sum(axis=-1, keepdims=True), 1)
    mean = np.where(kept, values, 0.0).sum(axis=-1, keepdims=True) / size
    variance = np.where(kept, (values - mean) ** 2, 0.0).sum(axis=-1, keepdims=True) / size
    deviation = np.sqrt(variance)
    flat = deviation <= ROUNDING * scale[..., None]
    z: NDArray[np.float64] = (values - mean) / np.where(flat, 1.0, TRIM_CONSISTENCY * deviation)
    return np.where(flat | ~part, 0.0, z)


def _quantile(
    values: NDArray[np.float64], share: float, *, part: NDArray[np.bool_], number: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Quantile over the last axis of the values that take part, linear between neighbours; axis kept."""
    ordered = np.sort(np.where(part, values, np.inf), axis=-1)
    position = share * np.maximum(number - 1, 0)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(number - 1, 0))
    low, high = np.take_along_axis(ordered, below, -1), np.take_along_axis(ordered, above, -1)
    # where nothing takes part there is nothing to order
    empty = number == 0
    low, high = np.where(empty, 0.0, low), np.where(empty, 0.0, high)
    quantile: NDArray[np.float64] = low + (position - below) * (high - low)
    return quantile
