"""Opens files of base-tracks, returns columns: tables, FASER tables, ROOT trees, steps of this package.

Layouts of files and names of columns.

    base_tracks  CSV, or HDF5 with one pandas frame or one dataset a column: ID PID x y z TX TY, and if
    known MCEvent
                 MCTrack P Flag TrackID; plates counted from downstream
    faser        CSV with evtID trkID segnum PID pdgID X Y Z TX TY E; plates counted from upstream
    root         a tree, its branches named in a YAML map (input `branches`)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import UsageError
from hpcml.workload import Column
from hpcml.workloads.emulsion.tables import NONE, TRACK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = dict[str, NDArray[Any]]

ORIGINAL = {
    "ID": "id", "PID": "plate", "x": "x", "y": "y", "z": "z", "TX": "tx", "TY": "ty", "MCEvent": "event",
    "MCTrack": "mc_track", "P": "p", "Flag": "flag", "TrackID": "track_id",
}  # fmt: skip
FASER = {
    "PID": "plate", "X": "x", "Y": "y", "Z": "z", "TX": "tx", "TY": "ty", "evtID": "event", "trkID":
    "mc_track", "E": "p", "pdgID": "flag",
}  # fmt: skip
NEEDED = ("plate", "x", "y", "z", "tx", "ty")
ABSENT = {"event": NONE, "mc_track": NONE, "p": NONE, "flag": 0, "track_id": -1}


def read_tracks(
    path: Path, layout: str, *, source: int, branches: Mapping[str, str] | None = None
) -> Columns:
    """The base-tracks of a file as columns of the table of base-tracks, all of one `source`.

    Columns that the file does not hold are filled with what means `unknown`; rows without a number are
    numbered. UsageError, with the names that there are, where a needed column is missing.
    """
    raw = _root(path, branches) if layout == "root" else _frame(path)
    names = {"base_tracks": ORIGINAL, "faser": FASER}.get(layout, {})
    found = {names.get(name, name): column for name, column in raw.items()}
    missing = [name for name in NEEDED if name not in found]
    if missing:
        wanted = [old for old, new in names.items() if new in missing] or missing
        raise UsageError(f"{path} has no column {', '.join(wanted)}; it has {', '.join(raw)}")
    number = len(found["x"])
    found.setdefault("id", np.arange(number))
    found["source"] = np.full(number, source)
    columns = {}
    for column in TRACK:
        values = found.get(column.name)
        if values is None:
            columns[column.name] = np.full(number, ABSENT[column.name], column.dtype)
            continue
        original = next((old for old, new in names.items() if new == column.name), column.name)
        columns[column.name] = _typed(values, column, f"{path}: column {original}")
    return columns


def _typed(values: NDArray[Any], column: Column, name: str) -> NDArray[Any]:
    """`values` (n,) with the column's type; UsageError where they are no numbers of that kind."""
    if values.dtype.kind not in "iufb":
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{name} holds what is no number: {error}", "mend or drop these rows") from error
    if np.dtype(column.dtype).kind not in "iu":
        return values.astype(column.dtype)
    if values.dtype.kind == "f":
        # not on a track, no event: empty cells of a CSV
        values = np.where(np.isfinite(values), values, ABSENT.get(column.name, -1))
    extent = np.iinfo(column.dtype)
    wrong = (values < extent.min) | (values > extent.max)
    if values.dtype.kind == "f":
        wrong |= values != np.floor(values)
    if wrong.any():
        raise UsageError(f"{name} holds {values[wrong][0]}, not a whole number", "mend or drop these rows")
    return values.astype(column.dtype)


def _frame(path: Path) -> Columns:
    import pandas as pd

    try:
        if path.suffix in (".h5", ".hdf5"):
            return _hdf5(path)
        frame = pd.read_csv(path)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "a CSV file, or HDF5 (.h5)") from error
    return {
        str(name): frame[name].to_numpy() for name in frame.columns if not str(name).startswith("Unnamed")
    }


def _hdf5(path: Path) -> Columns:
    import h5py
    import pandas as pd

    with h5py.File(path, "r") as file:
        plain = {name: item[...] for name, item in file.items() if isinstance(item, h5py.Dataset)}
    if plain:
        return plain
    frame = pd.DataFrame(pd.read_hdf(path))
    return {str(name): frame[name].to_numpy() for name in frame.columns}


def _root(path: Path, branches: Mapping[str, str] | None) -> Columns:
    import uproot

    if branches is None:
        raise UsageError(
            f"{path}: which branches?", "name a YAML file as input `branches`: tree, and columns"
        )
    wanted = dict(branches)
    tree_name = wanted.pop("tree")
    with uproot.open(path) as file:
        if tree_name not in file:
            raise UsageError(f"{path} has no tree {tree_name!r}", f"it has {', '.join(file.keys())}")
        tree = file[tree_name]
        absent = [name for name in wanted.values() if name not in tree]
        if absent:
            # in one line: what is told of a failed unit has no second one
            there = ", ".join(tree.keys())
            raise UsageError(f"{path}: tree {tree_name!r} has no branch {', '.join(absent)}; it has {there}")
        flat = {new: _flat(tree[name].array(library="np")) for new, name in wanted.items()}
    sizes = {name: len(values) for name, values in flat.items()}
    if len(set(sizes.values())) > 1:
        raise UsageError(
            f"{path}: branches of different lengths: {sizes}", "they must run over the same segments"
        )
    return flat


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    """One value a segment: the segments of all tracks of a tree one after the other."""
    return np.concatenate(list(values)) if values.dtype == object else values
