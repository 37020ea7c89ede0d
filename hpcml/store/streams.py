"""A column of many parts as one stream of bytes in unit order, in bounded memory.

Long runs of rows are read straight to their place in a small window, which stays in the processor's
cache while it is checked, hashed and written. Short runs are read together in large windows.

Which row ranges of which part make up the result (RowRanges), and reading them window by window, every
block checked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import IntegrityError
from hpcml.store.blocks import Extent, RunningCheck, SealedReader, read_checked
from hpcml.store.readahead import WINDOWS
from hpcml.store.schema import Field
from hpcml.store.sealed import expand

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRAIGHT = 1 << 20
SHORT = 4096  # mean bytes of a run below which runs are read together
SLAB = 1 << 16  # runs taken out of their arrays at once
WINDOW = 8 << 20
LARGEST_WINDOW = 32 << 20
GAP = 1 << 18  # runs of one part closer than this are read together
OPEN_FILES = 200


@dataclass(frozen=True, slots=True)
class RowRanges:
    """Row ranges in the order of the result: `count` rows from row `source` of part `owner`."""

    owner: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    count: NDArray[np.int64]
    rows: int


def runs_in_order(owner: NDArray[Any], first: NDArray[Any], rows: NDArray[Any]) -> RowRanges:
    """Coalesce units (in result order) that follow each other in the same part."""
    filled = rows > 0
    owner, first, rows = (
        owner[filled].astype(np.int64), first[filled].astype(np.int64), rows[filled].astype(np.int64),
    )  # fmt: skip
    if len(owner) == 0:
        empty = np.empty(0, np.int64)
        return RowRanges(empty, empty, empty, empty, 0)
    follows = (owner[1:] == owner[:-1]) & (first[1:] == first[:-1] + rows[:-1])
    starts = np.concatenate(([0], np.flatnonzero(~follows) + 1))
    count = np.add.reduceat(rows, starts)
    target = np.cumsum(count) - count
    return RowRanges(owner[starts], first[starts], target, count, int(count.sum()))


class OpenReaders:
    """Keeps at most OPEN_FILES of the parts open, closing the one used longest ago."""

    def __init__(self, readers: Sequence[SealedReader]) -> None:
        self.readers = readers
        self._open: OrderedDict[int, None] = OrderedDict()
        self._checks: dict[int, RunningCheck] = {}

    def __getitem__(self, number: int) -> SealedReader:
        self._open[number] = None
        self._open.move_to_end(number)
        if len(self._open) > OPEN_FILES:
            oldest, _ = self._open.popitem(last=False)
            self.readers[oldest].close()
        return self.readers[number]

    def check(self, number: int) -> RunningCheck:
        """Reads a part in pieces; kept from column to column, which mostly follow each other in a part."""
        if number not in self._checks:
            self._checks[number] = RunningCheck(self.readers[number])
        return self._checks[number]

    def finish(self) -> None:
        """Check what has been read of blocks in part. Nothing read counts before this."""
        for number, check in self._checks.items():
            self[number]
            check.finish()
        self._checks.clear()

    def close(self) -> None:
        for number in self._open:
            self.readers[number].close()
        self._open.clear()


def windows(
    readers: OpenReaders, runs: RowRanges, table: str, field: Field, *, multiple: int = 1
) -> Iterator[memoryview]:
    """The bytes of one column in result order. A window is overwritten by the next but one (readahead.py).
    The last block of each part is checked by `readers.finish()`.

    All windows but the last hold a multiple of so many rows (one writes compressed chunks whole).
    """
    width = field.width
    name = f"{table}/{field.name}"
    if len(runs.owner) and runs.rows * width // len(runs.owner) >= SHORT and not field.text:
        yield from _straight(readers, runs, name, field, multiple)
        return
    size = -(-_window_rows(runs, width) // multiple) * multiple
    buffers = cycle([np.empty(min(size, runs.rows) * width, np.uint8) for _ in range(WINDOWS)])
    for begin in range(0, runs.rows, size):
        end = min(begin + size, runs.rows)
        window = next(buffers)[: (end - begin) * width]
        _fill(window, readers, runs, rows=range(begin, end), name=name, field=field)
        yield window.data


def _straight(
    readers: OpenReaders, runs: RowRanges, name: str, field: Field, multiple: int
) -> Iterator[memoryview]:
    """Windows of whole rows, each run read to its place."""
    width = field.width
    size = max(1, STRAIGHT // (width * multiple)) * multiple
    buffers = cycle([np.empty(min(runs.rows, size) * width, np.uint8).data for _ in range(WINDOWS)])
    window = next(buffers)
    begins: dict[int, int] = {}
    at = 0
    for slab in range(0, len(runs.owner), SLAB):
        part = slice(slab, slab + SLAB)
        places = (
            runs.owner[part].tolist(),
            (runs.source[part] * width).tolist(),
            (runs.count[part] * width).tolist(),
        )
        for owner, source, left in zip(*places, strict=True):
            reader = readers[owner]
            if owner not in begins:
                begins[owner] = _place(reader, name, field).offset
            check, offset = readers.check(owner), begins[owner] + source
            while left:
                step = min(left, len(window) - at)
                check.read(offset, window[at : at + step])
                offset, left, at = offset + step, left - step, at + step
                if at == len(window):
                    yield window
                    window, at = next(buffers), 0
    if at:
        yield window[:at]


def _place(reader: SealedReader, name: str, field: Field) -> Extent:
    """Where a column lies in a part; IntegrityError when it is of another type. Text may be narrower."""
    extent = reader.extent(name)
    dtype = np.dtype(f"S{min(extent.dtype.itemsize, field.dtype.itemsize)}") if field.text else field.dtype
    if extent.dtype != dtype or extent.shape[1:] != field.shape:
        raise IntegrityError(
            f"{reader.path}: column {name} is {extent.dtype}{list(extent.shape[1:])},"
            f" not {field.dtype}{list(field.shape)}"
        )
    return extent


def _window_rows(runs: RowRanges, width: int) -> int:
    """Rows a window: larger when many parts interleave, so that each is read in long pieces."""
    probe = max(1, WINDOW // width)
    if not len(runs.owner):
        return probe
    stop = int(np.searchsorted(runs.target, probe))
    owners = len(np.unique(runs.owner[: max(stop, 1)]))
    return max(1, min(LARGEST_WINDOW, max(WINDOW, owners << 20)) // width)


def _fill(
    window: NDArray[np.uint8],
    readers: OpenReaders,
    runs: RowRanges,
    *,
    rows: range,
    name: str,
    field: Field,
) -> None:
    """Fill a window with these rows of the result."""
    begin, end = rows.start, rows.stop
    low = int(np.searchsorted(runs.target, begin, side="right")) - 1
    high = int(np.searchsorted(runs.target, end, side="left"))
    owner = runs.owner[low:high]
    target = runs.target[low:high].copy()
    source = runs.source[low:high].copy()
    count = runs.count[low:high].copy()
    # the first and the last run may reach beyond this window
    cut = begin - target[0]
    target[0], source[0], count[0] = begin, source[0] + cut, count[0] - cut
    count[-1] = min(count[-1], end - target[-1])
    width = field.width
    for number in np.unique(owner).tolist():
        mine = owner == number
        reader = readers[number]
        extent = _place(reader, name, field)
        order = np.argsort(source[mine], kind="stable")
        first, lengths = source[mine][order], count[mine][order]
        place = target[mine][order] - begin
        if extent.dtype == field.dtype:
            _copy(window, reader, extent.offset + first * width, place * width, lengths * width, width)
            continue
        # texts that are narrower here: read as they are, then spread
        narrow = field.sized(extent.dtype.itemsize)
        ends = np.cumsum(lengths)
        read = np.empty(int(ends[-1]) * narrow.width, np.uint8)
        packed = (ends - lengths) * narrow.width
        _copy(
            read, reader, extent.offset + first * narrow.width, packed, lengths * narrow.width, narrow.width
        )
        texts = read.view(narrow.dtype).reshape(-1, *field.shape)
        window.view(field.dtype).reshape(-1, *field.shape)[expand(place, lengths)] = texts


def _copy(
    window: NDArray[np.uint8],
    reader: SealedReader,
    where: NDArray[np.int64],
    place: NDArray[np.int64],
    length: NDArray[np.int64],
    width: int,
) -> None:
    """Copy byte ranges of one part, ascending in the file, to their places in the window."""
    view = window.data
    breaks = np.flatnonzero((where[1:] - (where[:-1] + length[:-1])) > GAP) + 1
    for group in np.split(np.arange(len(where)), breaks):
        first, last = group[0], group[-1]
        if len(group) == 1:
            read_checked(reader, int(where[first]), view[place[first] : place[first] + length[first]])
            continue
        start = int(where[first])
        span = np.empty(int(where[last] + length[last]) - start, np.uint8)
        read_checked(reader, start, span.data)
        offset = where[group] - start
        if length[group].mean() >= 2048:
            for at, to, size in zip(
                offset.tolist(), place[group].tolist(), length[group].tolist(), strict=True
            ):
                window[to : to + size] = span[at : at + size]
        else:
            rows_from = expand(offset // width, length[group] // width)
            rows_to = expand(place[group] // width, length[group] // width)
            window.view(f"V{width}")[rows_to] = span.view(f"V{width}")[rows_from]
