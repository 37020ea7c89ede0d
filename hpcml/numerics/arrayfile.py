"""Named arrays in one HDF5 file whose bytes are a function of its content alone.

A file of such bytes can be named by its digest. A `Kind` states which arrays and attributes its files hold;
the checksum covers the attributes, then the arrays, in the order of the kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import h5py
import numpy as np

from hpcml.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Kind(NamedTuple):
    """What a file holds. name: with its article, for messages (`a forest`). arrays, attributes: names.
    remedy: what to do about a file that is damaged or of another format. format: number of the layout;
    None for a kind whose files carry neither a format nor a checksum."""

    name: str
    arrays: tuple[str, ...]
    attributes: tuple[str, ...]
    remedy: str
    format: int | None = 1


class ArrayFile(NamedTuple):
    """The content of a file: arrays and attributes (text) by name."""

    arrays: dict[str, NDArray[Any]]
    attributes: dict[str, str]


def write_arrays(
    path: Path, kind: Kind, arrays: Mapping[str, Any], attributes: Mapping[str, str] | None = None
) -> None:
    """Write the arrays and attributes that `kind` names. ValueError for others, or for missing ones."""
    given = dict(attributes or {})
    for what, wanted, names in (("arrays", kind.arrays, arrays), ("attributes", kind.attributes, given)):
        if set(wanted) != set(names):
            raise ValueError(f"{kind.name} has the {what} {', '.join(wanted)}, not {', '.join(names)}")
    with h5py.File(path, "w", libver=("v108", "v110")) as file:
        for name in kind.arrays:
            file.create_dataset(name, data=arrays[name], track_times=False)
        if kind.format is not None:
            file.attrs["format"] = kind.format
        for name in kind.attributes:
            file.attrs[name] = given[name]
        if kind.format is not None:
            file.attrs["checksum"] = _checksum(kind, arrays, given)


def read_arrays(path: Path, kind: Kind) -> ArrayFile:
    """What `write_arrays` wrote.

    UsageError when the file is not of this kind or of another format; IntegrityError when it is damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            if kind.format is not None and int(file.attrs["format"]) != kind.format:
                found = f"{path} has format {file.attrs['format']}, this version reads {kind.format}"
                raise UsageError(found, kind.remedy)
            arrays = {name: file[name][()] for name in kind.arrays}
            attributes = {name: str(file.attrs[name]) for name in kind.attributes}
            checksum = None if kind.format is None else str(file.attrs["checksum"])
    except (OSError, KeyError) as error:
        raise UsageError(f"{path} is not {kind.name}: {error}") from error
    if checksum is not None and checksum != _checksum(kind, arrays, attributes):
        raise IntegrityError(f"{path} is damaged: its checksum is not that of its content", kind.remedy)
    return ArrayFile(arrays, attributes)


def _checksum(kind: Kind, arrays: Mapping[str, Any], attributes: Mapping[str, str]) -> str:
    import xxhash

    state = xxhash.xxh3_128()
    for name in kind.attributes:
        state.update(attributes[name].encode())
    for name in kind.arrays:
        state.update(np.ascontiguousarray(arrays[name]).tobytes())
    return str(state.hexdigest())
