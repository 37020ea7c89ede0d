"""The disk begins with what was written while more is written: the fsync at the end finds little to do.

Asking for it waits for room in the disk's queue, so a thread of its own asks.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import Self

GAP = 1 << 16  # between columns that start at pages
AHEAD = 4 << 20  # bytes that are handed to the disk together


class WriteBack:
    """Hands ranges of one open file to the disk, in the order in which they are told."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._ranges: SimpleQueue[tuple[int, int] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="hpcml-write-back", daemon=True)
        self._begin = self._end = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def wrote(self, offset: int, length: int) -> None:
        """Bytes `offset` to `offset + length` were written; mostly they follow those before, or nearly."""
        if self._begin == self._end or not 0 <= offset - self._end <= GAP:
            self._hand_over()
            self._begin = offset
        self._end = offset + length
        if self._end - self._begin >= AHEAD:
            self._hand_over()

    def __exit__(self, *_: object) -> None:
        """Waits until all has been handed over; the handle may be closed after that."""
        self._hand_over()
        self._ranges.put(None)
        self._thread.join()

    def _hand_over(self) -> None:
        if self._end > self._begin:
            self._ranges.put((self._begin, self._end - self._begin))
        self._begin = self._end

    def _run(self) -> None:
        while (told := self._ranges.get()) is not None:
            with suppress(OSError):  # advice only: what cannot be written is told by fsync
                os.posix_fadvise(self._handle, *told, os.POSIX_FADV_DONTNEED)
