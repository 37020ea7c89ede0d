"""A log becomes a part: read twice, a frame at a time, so that it need not fit in memory.

The first reading finds which units are there and how many rows they have; the second puts each frame's
rows where they belong. Both check every frame.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import IntegrityError
from hpcml.store.frames import Frame
from hpcml.store.layout import StepLayout
from hpcml.store.parts import Identity, gather, write_part
from hpcml.store.schema import Field, Schema
from hpcml.store.text import widest

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 16 << 20  # bytes of frames whose columns are written together
MOST_PIECES = 512  # below the system's limit on pieces per call
PADDED_AT_ONCE = 8 << 20
SORTED_TEXT = 256 << 20  # bytes of a part with text up to which its rows are sorted in memory
SHORT = 4096  # mean bytes of a run of rows below which they are sorted in memory


def read_headers(frames: Iterator[Frame]) -> list[Frame]:
    """The frames without their columns: what is in the log."""
    return [
        replace(frame, ids=frame.ids.copy(), rows={k: v.copy() for k, v in frame.rows.items()}, columns={})
        for frame in frames
    ]


def seal_frames(
    step: StepLayout,
    frame_headers: Sequence[Frame],
    read: Callable[[], Iterator[Frame]],
    *,
    keys: NDArray[np.bytes_],
    schema: Schema,
    identity: Identity,
    about: Mapping[str, Any],
) -> None:
    """Write a log as one part under a fresh name: units ascending, of a unit that stands twice the first.

    frame_headers: the log's `read_headers`. read: gives its frames once more.
    """
    schema = schema.sized(widest(head.widths for head in frame_headers))
    ids = np.concatenate([head.ids for head in frame_headers])
    counts = {
        table.name: np.concatenate([head.rows[table.name] for head in frame_headers])
        for table in schema.tables
    }
    in_order = bool((ids[1:] > ids[:-1]).all())  # nearly every log: its rows follow each other in the part
    order = np.arange(len(ids)) if in_order else np.unique(ids, return_index=True)[1]
    targets = None if in_order else {name: _targets(rows, order) for name, rows in counts.items()}
    times = {"first_written": frame_headers[0].written, "last_written": frame_headers[-1].written}
    about = {**about, **times, "busy": sum(head.busy for head in frame_headers)}
    ids = ids[order]
    path = step.part(
        int(ids[0]), int(ids[-1]), len(ids),
        shard=int(about["shard"]), rank=int(about["rank"]), token=secrets.token_hex(6),
    )  # fmt: skip
    if targets and _many_short_runs(targets, counts, schema, len(frame_headers)):
        whole = gather(list(read()), schema)
        write_part(path, whole, keys=keys[ids], schema=schema, identity=identity, about=about)
        return
    rows = {name: found[order] for name, found in counts.items()}

    def write_deferred(handle: int, offsets: Mapping[str, int]) -> None:
        frames = _batches(frame_headers, read())
        _scatter(handle, offsets, frames, targets=targets, schema=schema)

    whole = Frame(ids, rows, {}, frame_headers[-1].written, about["busy"])
    write_part(
        path,
        whole,
        keys=keys[ids],
        schema=schema,
        identity=identity,
        about=about,
        write_deferred=write_deferred,
    )


def _targets(counts: NDArray[np.uint32], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """First row in the part of each unit of the log; -1 for one that is not kept."""
    targets = np.full(len(counts), -1, np.int64)
    targets[order] = np.cumsum(counts[order], dtype=np.int64) - counts[order]
    return targets


def _runs(targets: NDArray[np.int64], counts: NDArray[np.uint32]) -> NDArray[np.int64]:
    """(runs, 3): first row here, first row in the part, rows; of units that follow each other in both."""
    count = counts.astype(np.int64)
    source = np.cumsum(count) - count
    kept = (targets >= 0) & (count > 0)
    source, target, count = source[kept], targets[kept], count[kept]
    if not len(count):
        return np.empty((0, 3), np.int64)
    breaks = (source[1:] != source[:-1] + count[:-1]) | (target[1:] != target[:-1] + count[:-1])
    starts = np.concatenate(([0], np.flatnonzero(breaks) + 1))
    return np.stack([source[starts], target[starts], np.add.reduceat(count, starts)], axis=1)


def _many_short_runs(
    targets: Mapping[str, NDArray[np.int64]],
    counts: Mapping[str, NDArray[np.uint32]],
    schema: Schema,
    frames: int,
) -> bool:
    if schema.text_columns() and _part_bytes(counts, schema) > SORTED_TEXT:
        return False  # a long text pads all others: not in memory
    for table in schema.tables:
        runs = _runs(targets[table.name], counts[table.name])
        narrow = min(one.width for one in table.fields)
        if len(runs) > 4 * frames and int(runs[:, 2].sum()) * narrow < SHORT * len(runs):
            return True
    return False


def _part_bytes(counts: Mapping[str, NDArray[np.uint32]], schema: Schema) -> int:
    return sum(
        int(counts[table.name].sum(dtype=np.int64)) * one.width
        for table in schema.tables
        for one in table.fields
    )


def _scatter(
    handle: int,
    offsets: Mapping[str, int],
    batches: Iterator[list[Frame]],
    *,
    targets: Mapping[str, NDArray[np.int64]] | None,
    schema: Schema,
) -> None:
    """Write the columns of some frames after those of others to their places in the part.

    targets: None when the rows of the log follow each other in the part.
    """
    unit = 0
    row = {table.name: 0 for table in schema.tables}
    for batch in batches:
        for table in schema.tables:
            places: list[
                tuple[int, int, int, int]
            ] = []  # frame, first row in it, first row in the part, rows
            first = unit
            for number, frame in enumerate(batch):
                counts = frame.rows[table.name]
                here = slice(first, first + len(counts))
                if targets:
                    runs = _runs(targets[table.name][here], counts).tolist()
                    places += [(number, source, target, rows) for source, target, rows in runs]
                else:
                    total = int(counts.sum(dtype=np.int64))
                    places += [(number, 0, row[table.name], total)] if total else []
                    row[table.name] += total
                first = here.stop
            groups = _adjoining(places)
            contents = [frame.columns[table.name] for frame in batch]
            for one in table.fields:
                begin = offsets[f"{table.name}/{one.name}"]
                for target, pieces in groups:
                    columns = [contents[frame][one.name][rows] for frame, rows in pieces]
                    _write_pieces(handle, columns, one, begin + target * one.width)
        unit += sum(len(frame.ids) for frame in batch)


def _batches(frame_headers: Sequence[Frame], frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    """The frames of a log, as many at once as take some MiB: a column of all of them is one write."""
    batch: list[Frame] = []
    size = 0
    for head in frame_headers:
        frame = next(frames, None)
        if frame is None or not np.array_equal(head.ids, frame.ids):
            raise IntegrityError("a log changed while it was sealed", "type the command again")
        batch.append(frame)
        size += sum(column.nbytes for columns in frame.columns.values() for column in columns.values())
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _adjoining(
    places: Sequence[tuple[int, int, int, int]],
) -> list[tuple[int, list[tuple[int, slice]]]]:
    """(first row in the part, [(frame, rows in it)]): runs that follow each other in the part, together."""
    groups: list[tuple[int, list[tuple[int, slice]]]] = []
    end = -1
    for frame, source, target, rows in places:
        if target != end or len(groups[-1][1]) == MOST_PIECES:
            groups.append((target, []))
        groups[-1][1].append((frame, slice(source, source + rows)))
        end = target + rows
    return groups


def _write_pieces(handle: int, pieces: Sequence[NDArray[Any]], one: Field, place: int) -> None:
    """Write rows of a column one after the other; texts get the width that they have in the part."""
    if not one.text or all(piece.dtype == one.dtype for piece in pieces):
        wanted = sum(map(len, pieces)) * one.width
        done = os.pwritev(handle, pieces, place)  # type: ignore[arg-type]  # arrays are buffers
        if done < wanted:
            _write_all(handle, memoryview(b"".join(piece.tobytes() for piece in pieces))[done:], place + done)
        return
    most = max(1, PADDED_AT_ONCE // one.width)
    for piece in pieces:
        for first in range(0, len(piece), most):
            rows = piece[first : first + most].astype(one.dtype)
            _write_all(handle, memoryview(rows.tobytes()), place)
            place += rows.nbytes


def _write_all(handle: int, piece: memoryview, offset: int) -> None:
    done = os.pwrite(handle, piece, offset)
    while done < len(piece):
        done += os.pwrite(handle, piece[done:], offset + done)
