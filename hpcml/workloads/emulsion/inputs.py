"""Opens files of base-tracks, maps beside them, and tables of earlier steps; returns columns.

Layouts of files and names of columns:

    base_tracks  CSV, or HDF5 with one pandas frame or one dataset per column: ID PID x y z TX TY, and if
                 known MCEvent MCTrack P Flag TrackID; plates counted from downstream
    faser        CSV with evtID trkID segnum PID pdgID X Y Z TX TY E; plates counted from upstream
    root         a tree, its branches named in a YAML map (input `branches`)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.readers.checks import as_type
from hpcml.readers.frames import read_columns
from hpcml.readers.root import read_branches
from hpcml.readers.yaml_map import BranchMap, read_branch_map, read_map
from hpcml.workloads.emulsion.base_tracks import UNKNOWN
from hpcml.workloads.emulsion.classification import COMPARED, FEATURES, KINDS, Segments, segments_to_compare
from hpcml.workloads.emulsion.columns import TRACK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workload import Input

    Columns = dict[str, NDArray[Any]]

# name in the file -> column
BASE_TRACKS = {
    "ID": "id", "PID": "plate", "x": "x", "y": "y", "z": "z", "TX": "tx", "TY": "ty", "MCEvent": "event",
    "MCTrack": "mc_track", "P": "p", "Flag": "flag", "TrackID": "track_id",
}  # fmt: skip
FASER = {
    "PID": "plate", "X": "x", "Y": "y", "Z": "z", "TX": "tx", "TY": "ty", "evtID": "event",
    "trkID": "mc_track", "E": "p", "pdgID": "flag",
}  # fmt: skip
LAYOUTS = {"base_tracks": BASE_TRACKS, "faser": FASER}
NEEDED = ("plate", "x", "y", "z", "tx", "ty")


def read_tracks(path: Path, layout: str, *, source: int, branches: BranchMap | None = None) -> Columns:
    """The base-tracks of a file as columns of the table of base-tracks, all of one `source`.

    Columns that the file does not have are filled with what means `unknown`; rows without a number are
    numbered. UsageError, with the names that there are, where a needed column is missing.
    """
    raw = _root(path, branches) if layout == "root" else read_columns(path)
    names = LAYOUTS.get(layout, {})
    found = {names.get(name, name): column for name, column in raw.items()}
    missing = [name for name in NEEDED if name not in found]
    if missing:
        wanted = [old for old, new in names.items() if new in missing] or missing
        raise UsageError(f"{path} has no column {', '.join(wanted)}; it has {', '.join(raw)}")
    number = len(found["x"])
    found.setdefault("id", np.arange(number))
    found["source"] = np.full(number, source)
    original = {new: old for old, new in names.items()}
    columns = {}
    for column in TRACK:
        unknown = UNKNOWN.get(column.name, -1)
        if column.name in found:
            name = f"{path}: column {original.get(column.name, column.name)}"
            columns[column.name] = as_type(found[column.name], column.dtype, name, missing=unknown)
        else:
            columns[column.name] = np.full(number, unknown, column.dtype)
    return columns


def _root(path: Path, branches: BranchMap | None) -> Columns:
    if branches is None:
        raise UsageError(
            f"{path}: which branches?", "name a YAML file as input `branches`: tree, and columns"
        )
    return read_branches(path, branches.tree, branches.columns)


def read_track_branches(path: Path) -> BranchMap:
    """The tree and the branch of each column of base-tracks in a YAML file that names them."""
    return read_branch_map(path, known=[column.name for column in TRACK])


def read_plate_positions(path: Path) -> dict[int, float]:
    """z in um of each plate in a geometry file: `plates: {0: z, 1: z, ...}`."""
    found = read_map(path, keys=("plates",))["plates"]
    numbers = (int, float)
    if not isinstance(found, dict) or not all(
        type(plate) is int and plate >= 0 and type(z) in numbers and np.isfinite(z)
        for plate, z in found.items()
    ):
        raise UsageError(f"{path}: plates must give a z in um for each number", "plates: {0: 0, 1: -1315}")
    return {plate: float(z) for plate, z in found.items()}


def read_segments(showers: Input) -> Segments:
    """The candidates of a merged emulsion.showers."""
    values = np.stack(showers.columns("candidates", *FEATURES), axis=1)
    count = showers.index("candidates")[:, 1].astype(np.int64)
    # a unit that was absent in a merge with --allow-missing has no row among the showers either
    present = showers.index("showers")[:, 1].astype(np.int64)
    shower = np.repeat(np.cumsum(present) - 1, count)
    (signal,) = showers.columns("candidates", "signal")
    return Segments(values, signal, shower)


class ComparedSegments(NamedTuple):
    """Number of showers, and the compared features of their predicted segments, float64 (n,) each."""

    showers: int
    features: Columns


def read_compared_segments(applied: Input, *, least: int) -> ComparedSegments:
    """Of a merged emulsion.apply: segments predicted to be signal, of showers with at least `least` of them
    that the forest was not trained on."""
    size, trained, *kinds = applied.columns("sizes", "size", "trained", *KINDS)
    (predicted,) = applied.columns("predictions", "predicted")
    # the segments of a shower lie together, in the order of `sizes`
    segments = np.stack(kinds).sum(axis=0, dtype=np.int64)
    showers, chosen = segments_to_compare(size, trained, segments, predicted, least=least)
    return ComparedSegments(
        showers, {name: applied.columns("predictions", name)[0][chosen] for name in COMPARED}
    )
