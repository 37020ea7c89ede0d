"""Trees of ROOT files as columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import InputError
from hpcml.readers.checks import unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_branches(path: Path, tree: str, branches: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Columns (rows,) of a tree: branches = {column: name of its branch}.

    A branch with a list per entry is flattened: the values of all entries one after the other. InputError
    when the tree or a branch is missing, with the names that there are, or when branches have different
    lengths.
    """
    import uproot

    try:
        file = uproot.open(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, "a ROOT file", error) from error
    with file:
        if tree not in file:
            raise InputError(f"{path} has no tree {tree!r}", f"it has {', '.join(file.keys())}")
        opened = file[tree]
        absent = [name for name in branches.values() if name not in opened]
        if absent:
            # in one line: what is reported of a failed unit has no second one
            known = ", ".join(opened.keys())
            raise InputError(f"{path}: tree {tree!r} has no branch {', '.join(absent)}; it has {known}")
        columns = {column: _flat(opened[name].array(library="np")) for column, name in branches.items()}
    sizes = {column: len(values) for column, values in columns.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"{path}: branches of different lengths: {sizes}", "they must have the same rows")
    return columns


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate(list(values)) if values.dtype == object else values
