"""One rank's results since its last part: a write-ahead log of checksummed frames.

A frame holds the results of a few units, column by column, so that sealing is concatenation:

    frame header | unit numbers u4 | rows of each table u4 | bytes of each column

A text column begins with the width of its texts, u4.

One `writev` per frame: after `kill -9` the log is a run of complete frames and perhaps a torn tail, which the
checksum cuts off.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from hpcml.errors import IntegrityError
from hpcml.store.atomic import storage_errors, sync_folder
from hpcml.store.frames import Frame, bands_of, decode_frame
from hpcml.store.schema import Schema
from hpcml.store.text import Widths

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE_HEADER = struct.Struct("<8sIQ")  # magic, JSON bytes, checksum of the JSON
FILE_MAGIC = b"HPCMLWL1"
FRAME = struct.Struct("<4sIQddQ")  # magic, units, payload bytes, time, busy seconds, checksum
FRAME_MAGIC = b"frm1"


class LogWriter:
    """Appends frames to a new log; holds a lock on it for as long as the rank lives."""

    def __init__(self, path: Path, schema: Schema, about: Mapping[str, Any]) -> None:
        self.path = path
        self.schema = schema
        self.about = about
        self.size = 0
        self.frame_headers: list[
            Frame
        ] = []  # the frames without their columns: what sealing wants to know first
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # it gets its name once it is locked: a scan that met it before would hold its lock, and
            # another worker would take it for a dead rank's
            hidden = path.with_name(f".{path.name}.tmp")
            self.handle = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o644)
            try:
                self.locked = try_lock(self.handle)
                text = json.dumps(about).encode()
                self._write([FILE_HEADER.pack(FILE_MAGIC, len(text), xxhash.xxh3_64_intdigest(text)), text])
                os.fdatasync(self.handle)
                hidden.replace(path)
                sync_folder(path.parent)
            except BaseException:
                hidden.unlink(missing_ok=True)
                os.close(self.handle)
                raise

    def append(
        self,
        ids: NDArray[np.uint32],
        rows: Sequence[NDArray[np.uint32]],
        columns: Sequence[bytes],
        busy: float,
        *,
        widths: Widths | None = None,
    ) -> None:
        """Write one frame: rows per table and the bytes of the columns, both in schema order.
        widths: of text columns, whose bytes begin with it."""
        pieces: list[Any] = [ids.data.cast("B"), *(one.data.cast("B") for one in rows), *columns]
        size = sum(map(len, pieces))
        written = time.time()
        head = FRAME.pack(FRAME_MAGIC, len(ids), size, written, busy, 0)
        digest = xxhash.xxh3_64(head)
        for piece in pieces:
            digest.update(piece)
        head = head[:-8] + digest.intdigest().to_bytes(8, "little")
        with storage_errors(self.path):
            self._write([head, *pieces])
        names = (table.name for table in self.schema.tables)
        counts = dict(zip(names, rows, strict=True))
        self.frame_headers.append(Frame(ids, counts, {}, written, busy, widths or {}))

    def _write(self, pieces: list[Any]) -> None:
        """All pieces or none: a short write (full disk) is cut off again before the error leaves."""
        wanted = sum(map(len, pieces))
        try:
            written = 0
            for start in range(0, len(pieces), 512):  # below the system's limit on pieces per call
                group = pieces[start : start + 512]
                length = sum(map(len, group))
                done = os.writev(self.handle, group)
                while done < length:
                    rest = b"".join(group)[done:]
                    done += os.write(self.handle, rest)
                written += done
        except OSError:
            os.ftruncate(self.handle, self.size)
            raise
        self.size += wanted

    def taken(self) -> bool:
        """True when another worker has sealed and removed this log (a file system without locks)."""
        try:
            return self.path.stat().st_ino != os.fstat(self.handle).st_ino
        except FileNotFoundError:
            return True

    def sync(self) -> None:
        with storage_errors(self.path):
            os.fdatasync(self.handle)

    def frames(self) -> Iterator[Frame]:
        return (frame for _, frame in read_frames(self.handle, self.schema, self.path))

    def close(self, *, remove: bool) -> None:
        if remove and not self.taken():
            self.path.unlink(missing_ok=True)
        os.close(self.handle)


def try_lock(handle: int) -> bool:
    """Lock an open file for this process; False when another process that lives holds it.

    On file systems without locks everything counts as lockable: sealing a log twice is harmless,
    since equal results of one unit are normal.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def unlock(handle: int) -> None:
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_UN)


def read_about(handle: int, path: Path) -> tuple[dict[str, Any], int]:
    """What a log says of itself, and where its frames start.

    IntegrityError when the first bytes are damaged; EOFError when there are next to none: such a log
    holds nothing.
    """
    head = os.pread(handle, FILE_HEADER.size, 0)
    if len(head) < FILE_HEADER.size:
        raise EOFError(str(path))
    magic, size, expected = FILE_HEADER.unpack(head)
    if magic != FILE_MAGIC or size > 1 << 20:
        raise IntegrityError(f"{path}: damaged: not the start of a log")
    text = os.pread(handle, size, FILE_HEADER.size)
    if xxhash.xxh3_64_intdigest(text) != expected:
        raise IntegrityError(f"{path}: damaged: the first {size} bytes do not match their checksum")
    about: dict[str, Any] = json.loads(text)
    return about, FILE_HEADER.size + size


def read_frames(
    handle: int, schema: Schema, path: Path, *, salvage: bool = False
) -> Iterator[tuple[int, Frame]]:
    """(end offset, frame) of the valid prefix: a torn tail ends it, damage before a complete frame raises.

    `salvage` steps over the damage instead: everything that its checksum still covers.
    """
    _, position = read_about(handle, path)
    size = os.fstat(handle).st_size
    bands = bands_of(schema)
    while position < size:
        payload = _payload(handle, position, size)
        if payload is None:
            behind = _next_frame(handle, position + 1, size)
            if behind is None:
                return
            if not salvage:
                raise _damage(path, position)
            position = behind
            continue
        count, written, busy, raw = payload
        position += FRAME.size + len(raw)
        yield position, decode_frame(raw, count, bands, written, busy)


def count_units(handle: int, path: Path, *, checked: bool) -> tuple[list[int], float, float, float]:
    """Unit numbers in the valid prefix, first and last time, busy seconds.

    Unless `checked`, frames are trusted by their headers alone and no column bytes are read: enough
    for a log that is growing. A checked log with damage before complete results is an IntegrityError.
    """
    _, position = read_about(handle, path)
    size = os.fstat(handle).st_size
    ids: list[int] = []
    first = last = busy = 0.0
    while position + FRAME.size <= size:
        head = os.pread(handle, FRAME.size, position)
        magic, count, length, written, seconds, _ = FRAME.unpack(head)
        if magic != FRAME_MAGIC or position + FRAME.size + length > size or 4 * count > length:
            break
        if checked and _payload(handle, position, size) is None:
            break
        ids.extend(np.frombuffer(os.pread(handle, 4 * count, position + FRAME.size), "<u4").tolist())
        first, last, busy = first or written, written, busy + seconds
        position += FRAME.size + length
    if checked and position < size and _next_frame(handle, position + 1, size) is not None:
        raise _damage(path, position)
    return ids, first, last, busy


def _damage(path: Path, position: int) -> IntegrityError:
    return IntegrityError(
        f"{path}: damaged at byte {position}, with complete results behind it",
        "`hpcml verify --set-aside` keeps what is complete; `hpcml resume` computes the rest",
    )


def _payload(handle: int, position: int, size: int) -> tuple[int, float, float, bytes] | None:
    """The frame at `position` if it is complete."""
    head = os.pread(handle, FRAME.size, position)
    if len(head) < FRAME.size:
        return None
    magic, count, length, written, busy, expected = FRAME.unpack(head)
    if magic != FRAME_MAGIC or position + FRAME.size + length > size:
        return None
    raw = os.pread(handle, length, position + FRAME.size)
    digest = xxhash.xxh3_64(head[:-8] + b"\0" * 8)
    digest.update(raw)
    return (count, written, busy, raw) if digest.intdigest() == expected else None


def _next_frame(handle: int, position: int, size: int) -> int | None:
    """Where the next complete frame at or after `position` starts."""
    raw = os.pread(handle, size - position, position)
    at = raw.find(FRAME_MAGIC)
    while at >= 0:
        if _payload(handle, position + at, size) is not None:
            return position + at
        at = raw.find(FRAME_MAGIC, at + 1)
    return None
