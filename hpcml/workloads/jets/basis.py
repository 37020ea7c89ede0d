"""The basis of principal components, as a file that jets.project keeps beside its table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpcml.numerics.arrayfile import Kind
    from hpcml.numerics.components import Basis
    from hpcml.workload import Input

BASIS = "basis.h5"


def write_basis(path: Path, basis: Basis) -> None:
    """Keep a basis as HDF5: datasets `mean`, `axes`, `explained`. Equal bases make equal files."""
    from hpcml.numerics.arrayfile import write_arrays

    write_arrays(path, _kind(), basis._asdict())


def read_basis(path: Path) -> Basis:
    """The basis that `write_basis` kept. UsageError when the file holds none."""
    from hpcml.numerics.arrayfile import read_arrays
    from hpcml.numerics.components import Basis

    arrays = read_arrays(path, _kind()).arrays
    return Basis(arrays["mean"], arrays["axes"], float(arrays["explained"]))


def basis_of(source: Input) -> Basis | None:
    """The basis of a step jets.project; None for a step of images."""
    for _, name, path in source.files():
        if name == BASIS:
            return read_basis(path)
    return None


def _kind() -> Kind:
    from hpcml.numerics.arrayfile import Kind

    # no format number: the digest of these files is part of the digests of tables that exist
    return Kind(
        name="a basis of principal components",
        arrays=("mean", "axes", "explained"),
        attributes=(),
        remedy="run the step jets.project again",
        format=None,
    )
