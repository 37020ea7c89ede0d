"""One part: an immutable file with the results of some units of one rank.

    /units/number, /units/key          which units, ascending
    /index/<table>                     (units, 2): first row and number of rows of each unit
    /<table>/<column>                  rows of all units, contiguous

Sealing frames of a log into a part, and reading a part's directory and index.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.store import newfile, sealed
from hpcml.store.atomic import replacing
from hpcml.store.frames import Frame
from hpcml.store.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 1 << 17
LARGE = 16 << 20  # bytes of a file from which on its blocks are larger: each costs some microseconds to check
LARGE_BLOCK = 1 << 19


@dataclass(frozen=True, slots=True)
class Identity:
    """Which results these are: campaign and step fingerprint (32 hex digits each)."""

    campaign: str
    fingerprint: str


def gather(frames: Sequence[Frame], schema: Schema) -> Frame:
    """All frames as one, units ascending; of a unit that stands there twice the first is kept."""
    ids = np.concatenate([frame.ids for frame in frames])
    order = np.unique(ids, return_index=True)[1]
    plain = len(order) == len(ids) and bool((np.diff(order) > 0).all())
    rows: dict[str, NDArray[np.uint32]] = {}
    columns: dict[str, dict[str, NDArray[Any]]] = {}
    for table in schema.tables:
        counts = np.concatenate([frame.rows[table.name] for frame in frames])
        rows[table.name] = counts[order]
        take = None if plain else row_numbers(counts, order)
        columns[table.name] = {}
        for one in table.fields:
            pieces = [frame.columns[table.name][one.name] for frame in frames]
            block = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
            columns[table.name][one.name] = block if take is None else block[take]
    busy = sum(frame.busy for frame in frames)
    return Frame(ids[order], rows, columns, frames[-1].written, busy)


def row_numbers(counts: NDArray[Any], order: NDArray[Any]) -> NDArray[np.int64]:
    """Rows of the units `order`, when unit u has `counts[u]` rows, one after the other."""
    starts = np.cumsum(counts, dtype=np.int64) - counts
    return sealed.expand(starts[order], counts[order])


def first_and_rows(counts: NDArray[Any]) -> NDArray[np.uint64]:
    """(units, 2): first row and number of rows, from the numbers of rows."""
    index = np.empty((len(counts), 2), "<u8")
    index[:, 1] = counts
    index[:, 0] = np.cumsum(index[:, 1], dtype=np.uint64) - index[:, 1]
    return index


@dataclass(frozen=True, slots=True)
class Deferred:
    """A dataset that gets its place in the file now and its bytes from `write_deferred`."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


WriteDeferred = Callable[[int, Mapping[str, int]], None]


def write_part(
    path: Path,
    frame: Frame,
    *,
    keys: NDArray[np.bytes_],
    schema: Schema,
    identity: Identity,
    about: Mapping[str, Any],
    write_deferred: WriteDeferred | None = None,
) -> None:
    """Seal one frame (from `gather`) as `path`. `keys` are those of frame.ids.

    With `write_deferred` (see write_sealed) the frame needs no columns.
    """
    datasets: dict[str, NDArray[Any] | Deferred] = {
        "units/number": frame.ids.astype("<u4"),
        "units/key": keys,
    }
    notes: dict[str, Mapping[str, str]] = {}
    for table in schema.tables:
        rows = frame.rows[table.name]
        datasets[f"index/{table.name}"] = first_and_rows(rows)
        for one in table.fields:
            where = f"{table.name}/{one.name}"
            if write_deferred is None:
                datasets[where] = frame.columns[table.name][one.name]
            else:
                datasets[where] = Deferred(one.dtype, (int(rows.sum(dtype=np.int64)), *one.shape))
            if not table.materialise:  # its columns are in the parts alone
                notes[where] = {"unit": one.unit, "meaning": one.meaning}
    write_sealed(
        path,
        datasets,
        notes=notes,
        ids=frame.ids,
        identity=identity,
        about=about,
        write_deferred=write_deferred,
    )


def write_sealed(
    path: Path,
    datasets: Mapping[str, NDArray[Any] | Deferred],
    *,
    ids: NDArray[Any],
    identity: Identity,
    about: Mapping[str, Any],
    notes: Mapping[str, Mapping[str, str]] | None = None,
    write_deferred: WriteDeferred | None = None,
) -> None:
    """Write arrays as one sealed file: all of it or nothing.

    about: JSON values that any reader of the header gets; also attributes of the file.
    notes: attributes of datasets. write_deferred: writes the bytes of what is Deferred, given the open file
    and the place of each dataset in it.
    """
    directory: dict[str, Any] = {"about": dict(about), "extents": {}}
    # the header must fit a user block chosen before the file is written: estimate generously
    data_size = sum(array.nbytes for array in datasets.values()) + 4096 * (len(datasets) + 16)
    json_size = len(json.dumps(directory)) + 64 + sum(len(name) + 160 for name in datasets)
    runs = len(sealed.runs_of(ids))
    block = BLOCK if data_size < LARGE else LARGE_BLOCK
    user_block = sealed.user_block_size(runs, json_size, data_size // block + 2)
    with replacing(path) as temporary:
        with newfile.create(temporary, user_block) as file:
            made = newfile.Datasets(file)
            for name, array in datasets.items():
                if isinstance(array, Deferred):
                    dataset = made.reserve(name, array.dtype, array.shape)
                else:
                    dataset = made.store(name, array)
                made.describe(dataset, (notes or {}).get(name, {}))
                place = newfile.place_of(dataset)
                directory["extents"][name] = [place, array.dtype.str, list(array.shape)]
            for key, value in about.items():
                file.attrs[key] = value if isinstance(value, str | int | float) else json.dumps(value)
        if write_deferred is not None:
            handle = os.open(temporary, os.O_WRONLY)
            try:
                write_deferred(handle, {name: place[0] for name, place in directory["extents"].items()})
            finally:
                os.close(handle)
        sealed.write_header(
            temporary,
            user_block=user_block,
            block_size=block,
            ids=ids,
            fingerprint=identity.fingerprint,
            campaign=identity.campaign,
            directory=directory,
        )
