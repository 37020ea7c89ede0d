"""Checked byte ranges of sealed files: what is read is verified, what is written is hashed once.

A range rarely starts at a block, and a block's checksum covers all of it: the edges around the range are
read too.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from hpcml.errors import IntegrityError
from hpcml.store.sealed import CURE, Header, read_header

if TYPE_CHECKING:
    from numpy.typing import NDArray


GAP = 1 << 16  # bytes between two columns that are rather read than left out
NARROW = 4  # reads of less than this part of a block keep the block: the next column lies in it too


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a dataset's bytes lie in the file; `offset` 0 and rows > 0 means it is compressed."""

    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


class SealedReader:
    """Reads a sealed file by byte ranges, checking the blocks it touches; needs no HDF5."""

    def __init__(self, path: Path) -> None:
        self.header = read_header(path, full=True)
        self.path = path
        self.about: dict[str, Any] = self.header.directory["about"]
        self._handle = -1
        self._block = (-1, memoryview(b""))  # the block that was read last for a narrow column

    def names(self) -> list[str]:
        return list(self.header.directory["extents"])

    def extent(self, name: str) -> Extent:
        try:
            offset, dtype, shape = self.header.directory["extents"][name]
        except KeyError:
            raise IntegrityError(f"{self.path}: has no {name!r}: it was written by another version") from None
        return Extent(offset, np.dtype(dtype), tuple(shape))

    def open(self) -> int:
        if self._handle < 0:
            self._handle = os.open(self.path, os.O_RDONLY)
        return self._handle

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        self._block = (-1, memoryview(b""))

    def __enter__(self) -> SealedReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def block(self, number: int) -> memoryview:
        """A block of the file, checked; the last one is kept."""
        if self._block[0] != number:
            header = self.header
            begin = header.user_block + number * header.block_size
            data = memoryview(bytearray(min(header.block_size, header.file_size - begin)))
            _read(self, [data], begin)
            if xxhash.xxh3_64_intdigest(data) != int(header.blocks[number]):
                raise _damaged(header, begin, begin + len(data))
            self._block = (number, data)
        return self._block[1]

    def array(self, name: str) -> NDArray[Any]:
        """A small uncompressed dataset, checked."""
        extent = self.extent(name)
        raw = bytearray(extent.nbytes)
        if raw:
            read_checked(self, extent.offset, memoryview(raw))
        return np.frombuffer(raw, extent.dtype).reshape(extent.shape)


def read_checked(source: SealedReader, offset: int, out: memoryview) -> None:
    """Fill `out` from byte `offset` of the file; IntegrityError when a block it lies in is damaged."""
    header = source.header
    size, start = header.block_size, header.user_block
    first = (offset - start) // size
    last = (offset + len(out) - 1 - start) // size
    if len(out) * NARROW < size:
        done = 0
        for number in range(first, last + 1):
            inside = offset + done - start - number * size
            piece = source.block(number)[inside : inside + len(out) - done]
            out[done : done + len(piece)] = piece
            done += len(piece)
        return
    begin = start + first * size
    end = min(start + (last + 1) * size, header.file_size)
    head = bytearray(offset - begin)
    tail = bytearray(end - offset - len(out))
    _read(source, [memoryview(head), out, memoryview(tail)], begin)
    for number in range(first, last + 1):
        low = start + number * size
        high = min(low + size, header.file_size)
        if low >= offset and high <= offset + len(out):  # nearly all of them: one call, no copy
            if xxhash.xxh3_64_intdigest(out[low - offset : high - offset]) != int(header.blocks[number]):
                raise _damaged(header, low, high)
            continue
        digest = xxhash.xxh3_64()
        if low < offset:
            digest.update(memoryview(head)[low - begin : high - begin])
        inner_low, inner_high = max(low, offset) - offset, min(high, offset + len(out)) - offset
        digest.update(out[inner_low:inner_high])
        if high > offset + len(out):
            digest.update(memoryview(tail)[: high - offset - len(out)])
        if digest.intdigest() != int(header.blocks[number]):
            raise _damaged(header, low, high)


class RunningCheck:
    """Reads a sealed file in pieces that mostly follow each other; each block is read and checked once.

    A block is checked when its last byte has been read: bytes are given out before that, so whoever
    reads must call `finish` before the result counts.
    """

    def __init__(self, source: SealedReader) -> None:
        self._source = source
        self._next = -1
        self._block = 0  # number of the block that `_next` lies in
        self._end = 0  # where it ends
        self._digest: xxhash.xxh3_64 | None = None  # of its first bytes; None at its start

    def read(self, offset: int, out: memoryview) -> None:
        """Fill `out` from byte `offset` of the file."""
        if self._next >= 0 and 0 < offset - self._next <= GAP:
            self._skip(offset - self._next)
        elif offset != self._next:
            self.finish()
            self._start(offset)
        _read(self._source, [out], offset)
        self._check(out)

    def finish(self) -> None:
        """Check the block that is only half read."""
        if self._digest is not None:
            self._skip(self._end - self._next)

    def _skip(self, size: int) -> None:
        """Read and check bytes that the caller did not ask for."""
        data = memoryview(bytearray(size))
        _read(self._source, [data], self._next)
        self._check(data)

    def _start(self, offset: int) -> None:
        header = self._source.header
        self._block = (offset - header.user_block) // header.block_size
        begin = header.user_block + self._block * header.block_size
        self._end = min(begin + header.block_size, header.file_size)
        self._next = begin
        if offset > begin:
            self._skip(offset - begin)

    def _check(self, data: memoryview) -> None:
        header = self._source.header
        at = 0
        while at < len(data):
            step = min(self._end - self._next, len(data) - at)
            self._next += step
            if self._digest is None and self._next == self._end:  # nearly all of them: one call
                found = xxhash.xxh3_64_intdigest(data[at : at + step])
            else:
                if self._digest is None:
                    self._digest = xxhash.xxh3_64()
                self._digest.update(data[at : at + step])
                found = self._digest.intdigest() if self._next == self._end else -1
            at += step
            if self._next == self._end:
                if found != int(header.blocks[self._block]):
                    raise _damaged(header, self._end - header.block_size, self._end)
                self._digest = None
                self._block += 1
                self._end = min(self._end + header.block_size, header.file_size)


def _damaged(header: Header, low: int, high: int) -> IntegrityError:
    return IntegrityError(f"{header.path}: damaged between byte {low} and {high}", CURE)


def _read(source: SealedReader, views: list[memoryview], offset: int) -> None:
    views = [view for view in views if len(view)]
    wanted = sum(len(view) for view in views)
    got = os.preadv(source.open(), views, offset)
    while got < wanted:  # a signal or the system's limit of 2 GiB a call: go on behind what came
        skip, rest = got, []
        for view in views:
            if skip < len(view):
                rest.append(view[skip:])
            skip = max(0, skip - len(view))
        step = os.preadv(source.open(), rest, offset + got)
        if step == 0:
            raise IntegrityError(f"{source.header.path}: ends at byte {offset + got}")
        got += step


class BlockHasher:
    """Checksums of the file blocks that a stream of bytes fills, taken while they are written.

    Bytes come in order from `offset` on; blocks that the stream covers only in part are left out
    (sealed.write_header reads those few again).
    """

    def __init__(self, block_size: int, user_block: int) -> None:
        self.block_size = block_size
        self.user_block = user_block
        self.known: dict[int, int] = {}
        self._position = 0
        self._digest: xxhash.xxh3_64 | None = None

    def start(self, offset: int) -> None:
        """A new column starts at byte `offset`. One that follows the last goes on in its block."""
        if offset != self._position:
            self._position = offset
            self._digest = None

    def update(self, data: memoryview) -> None:
        at = 0
        while at < len(data):
            number, inside = divmod(self._position - self.user_block, self.block_size)
            step = min(self.block_size - inside, len(data) - at)
            if inside == 0:
                self._digest = xxhash.xxh3_64()
            if self._digest is not None:
                self._digest.update(data[at : at + step])
                if inside + step == self.block_size:
                    self.known[number] = self._digest.intdigest()
                    self._digest = None
            at += step
            self._position += step
