"""Principal components of many rows: sums added up in parts, directions of largest variance, projection.

The sums are exact to add over parts of the data in any number of processes; the order of the parts decides
the last bits, so what is added is always a block of rows of one fixed size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 2048


class CovarianceSums(NamedTuple):
    """Sums over `rows` rows. total: float64 (columns,). product: float64 (columns, columns), of the outer
    products."""

    rows: int
    total: NDArray[np.float64]
    product: NDArray[np.float64]


class Basis(NamedTuple):
    """mean: float32 (columns,). axes: float32 (components, columns), orthonormal rows, the largest variance
    first. explained: share of the variance in these components."""

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    explained: float


def covariance_sums(values: NDArray[np.float32]) -> CovarianceSums:
    """First and second moments of `values` (rows, columns), added up in chunks of one fixed size."""
    columns = values.shape[1]
    total, product = np.zeros(columns), np.zeros((columns, columns))
    for first in range(0, len(values), CHUNK):
        chunk = values[first : first + CHUNK]
        total += chunk.sum(axis=0, dtype=np.float64)
        # single precision within a chunk: its rounding is far below the noise of the components
        product += chunk.T @ chunk
    return CovarianceSums(len(values), total, product)


def principal_components(sums: CovarianceSums, components: int) -> Basis:
    """The `components` directions of largest variance of what was added up.

    The largest entry of each axis is positive: its sign is not left to the library. ValueError for more
    components than columns, or fewer than two rows.
    """
    from scipy.linalg import eigh

    columns = len(sums.total)
    if components > columns:
        raise ValueError(f"{columns} columns have at most as many principal components, not {components}")
    if sums.rows < 2:
        raise ValueError(f"principal components need at least 2 rows, got {sums.rows}")
    mean = sums.total / sums.rows
    covariance = sums.product / sums.rows - np.outer(mean, mean)
    values, vectors = eigh(covariance, subset_by_index=(columns - components, columns - 1))
    axes = vectors.T[::-1]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    axes = axes * np.where(largest < 0, -1.0, 1.0)
    variance = max(float(np.trace(covariance)), 1e-300)
    return Basis(mean.astype(np.float32), axes.astype(np.float32), float(values.sum()) / variance)


def project(values: NDArray[np.float32], basis: Basis) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(components, residual) of `values` (rows, columns): float32 (rows, components), and float32 (rows,),
    the squared distance of each row to what its components reconstruct."""
    centred = np.subtract(values, basis.mean, dtype=np.float32)
    components = np.matmul(centred, basis.axes.T, dtype=np.float32)
    rest = np.einsum("ij,ij->i", centred, centred) - np.einsum("ij,ij->i", components, components)
    residual: NDArray[np.float32] = np.maximum(rest, 0.0).astype(np.float32)
    return components, residual


def reconstruct(components: NDArray[np.float32], basis: Basis) -> NDArray[np.float32]:
    """The rows float32 (n, columns) that `components` (n, components) stand for."""
    return components @ basis.axes + basis.mean
