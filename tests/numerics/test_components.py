"""Principal components: sums add up, the basis is that of the covariance, projection keeps distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpcml.numerics.components import (
    CHUNK,
    CovarianceSums,
    covariance_sums,
    principal_components,
    project,
    reconstruct,
)


def rows(seed, number, columns):
    """Correlated rows in single precision, about a mean that is not 0."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(number, columns)) @ rng.normal(size=(columns, columns)) + 3.0).astype(np.float32)


shapes = st.tuples(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(1, 8))


@given(shapes, st.integers(0, 60))
@settings(max_examples=50, deadline=None)
def test_sums_of_parts_add_up(shape, cut):
    values = rows(*shape)
    together, first, second = (covariance_sums(part) for part in (values, values[:cut], values[cut:]))
    assert together.rows == first.rows + second.rows
    scale = float(np.abs(together.product).max())
    assert together.total == pytest.approx(first.total + second.total, rel=1e-9, abs=1e-9)
    assert together.product == pytest.approx(first.product + second.product, abs=1e-5 * scale)


def test_chunks_beyond_the_first_are_counted():
    values = rows(1, 2 * CHUNK + 5, 3)
    sums = covariance_sums(values)
    wide = values.astype(np.float64)
    assert sums.rows == len(values)
    assert sums.total == pytest.approx(wide.sum(axis=0), rel=1e-12)
    assert sums.product == pytest.approx(wide.T @ wide, rel=1e-5)


@given(shapes, st.integers(1, 8))
@settings(max_examples=50, deadline=None)
def test_the_basis_diagonalises_the_covariance(shape, components):
    values = rows(*shape)
    wide = values.astype(np.float64)
    columns = values.shape[1]
    components = min(components, columns)
    # exact sums: what is tested is the basis, not the rounding of single precision
    sums = CovarianceSums(len(values), wide.sum(axis=0), wide.T @ wide)
    basis = principal_components(sums, components)
    covariance = np.atleast_2d(np.cov(wide.T, bias=True))
    scale = float(np.trace(covariance))
    axes = basis.axes.astype(np.float64)
    assert axes @ axes.T == pytest.approx(np.eye(components), abs=1e-5)
    found = axes @ covariance @ axes.T
    largest = np.linalg.eigvalsh(covariance)[::-1][:components]
    assert found == pytest.approx(np.diag(largest), abs=1e-5 * scale)
    assert basis.explained == pytest.approx(largest.sum() / scale, rel=1e-6)
    assert basis.mean == pytest.approx(wide.mean(axis=0), rel=1e-6)
    assert (np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], 1) > 0).all()


@given(shapes)
@settings(max_examples=50, deadline=None)
def test_the_residual_is_the_distance_to_the_reconstruction(shape):
    values = rows(*shape)
    columns = values.shape[1]
    basis = principal_components(covariance_sums(values), (columns + 1) // 2)
    components, residual = project(values, basis)
    assert components.dtype == residual.dtype == np.float32
    distance = ((values - reconstruct(components, basis)).astype(np.float64) ** 2).sum(axis=1)
    scale = float((values.astype(np.float64) ** 2).sum(axis=1).max())
    assert residual == pytest.approx(distance, abs=1e-5 * scale)


def test_all_components_reconstruct_the_rows():
    values = rows(2, 40, 6)
    basis = principal_components(covariance_sums(values), 6)
    assert reconstruct(project(values, basis)[0], basis) == pytest.approx(values, abs=1e-4)
    assert basis.explained == pytest.approx(1)


@pytest.mark.parametrize(
    ("number", "components", "message"),
    [(9, 4, "3 columns have at most as many"), (1, 2, "at least 2 rows, got 1")],
)
def test_what_has_no_components_is_refused(number, components, message):
    with pytest.raises(ValueError, match=message):
        principal_components(covariance_sums(rows(1, number, 3)), components)
