"""Tables of other programs as columns: CSV, HDF5 with one pandas frame, HDF5 with one dataset per column."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpcml.readers.checks import unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

HDF5 = (".h5", ".hdf5")


def read_columns(path: Path) -> dict[str, NDArray[Any]]:
    """The columns of a table by name, (rows,) each, in the order of the file; without pandas' own index.

    `.h5` and `.hdf5` are HDF5, all else is CSV. InputError when the file cannot be read.
    """
    import pandas as pd

    try:
        if path.suffix in HDF5:
            return _hdf5(path)
        frame = pd.read_csv(path)
    except (OSError, ValueError, KeyError) as error:
        raise unreadable(path, "a CSV file, or HDF5 (.h5)", error) from error
    return {
        str(name): frame[name].to_numpy() for name in frame.columns if not str(name).startswith("Unnamed")
    }


def _hdf5(path: Path) -> dict[str, NDArray[Any]]:
    import h5py
    import pandas as pd

    with h5py.File(path, "r") as file:
        plain = {name: item[...] for name, item in file.items() if isinstance(item, h5py.Dataset)}
    if plain:
        return plain
    frame = pd.DataFrame(pd.read_hdf(path))
    return {str(name): frame[name].to_numpy() for name in frame.columns}
