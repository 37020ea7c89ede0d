"""The basis of principal components, as a file that jets.project keeps beside its table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hpcml.errors import UsageError

if TYPE_CHECKING:
    from hpcml.numerics.components import Basis
    from hpcml.workload import Input

BASIS = "basis.h5"


def write_basis(path: Path, basis: Basis) -> None:
    """Keep a basis as HDF5: datasets `mean`, `axes`, `explained`. Equal bases make equal files."""
    import h5py

    with h5py.File(path, "w", libver=("v108", "v110"), track_order=False) as file:
        for name, value in zip(basis._fields, basis, strict=True):
            file.create_dataset(name, data=value, track_times=False)


def read_basis(path: Path) -> Basis:
    """The basis that `write_basis` kept. UsageError when the file holds none."""
    import h5py

    from hpcml.numerics.components import Basis

    try:
        with h5py.File(path, "r") as file:
            return Basis(file["mean"][...], file["axes"][...], float(file["explained"][()]))
    except (OSError, KeyError) as error:
        raise UsageError(f"{path} is no basis of principal components: {error}") from error


def basis_of(source: Input) -> Basis | None:
    """The basis of a step jets.project; None for a step of images."""
    for _, name, path in source.files():
        if name == BASIS:
            return read_basis(path)
    return None
