"""Which unit is next: ranks of a node draw from one queue without waiting for each other.

The queue is a counter in memory shared by the ranks of a node, guarded by a file lock. No rank
serves it, so a rank that spends minutes inside one compiled kernel, outside MPI and holding the
interpreter lock, delays no other; a killed holder's lock is released by the kernel. (A one-sided MPI
counter waits for its target rank in MPICH, Intel MPI and across nodes.)
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import tempfile
import time
from contextlib import suppress
from pathlib import Path

# next, end, chunks of several units that a rank holds, ranges on the returned stack
STATE = struct.Struct("<4q")
RANGE = struct.Struct("<2q")
STACK = 4096
# the stop flag lies by itself: it is set without the lock, and nothing writes over it
STOP_AT = STATE.size
RETURNED_AT = STOP_AT + 8
SIZE = RETURNED_AT + STACK * RANGE.size

CHUNK_SECONDS = 0.001
PREFIX = "hpcml-queue-"
STALE_SECONDS = 3600.0
LARGEST_CHUNK = 256
# longer than a rank loses the processor to others at a time, or short units come back for nothing
GIVE_BACK_SECONDS = 0.02


class Queue:
    """Positions 0..n-1 of the units to do, dealt to the ranks of one node.

    Chunks grow while units are short (about 1 ms of work each) and are single units otherwise.
    A rank whose chunk turns out long returns the rest, so no rank idles while another has a queue.
    """

    def __init__(self, path: Path, ranks: int) -> None:
        self._handle = os.open(path, os.O_RDWR)
        self._memory = mmap.mmap(self._handle, SIZE)
        self._words = memoryview(self._memory).cast("q")
        self.look_up = 0.0  # when to ask `too_long` about the chunk drawn last (perf_counter)
        self._ranks = ranks
        self._seconds = 0.0
        self._begun = 0.0
        self._several = False

    @staticmethod
    def create(n: int) -> Path:
        """A new queue file; the caller unlinks it once every rank of the node has opened it."""
        shared = Path("/dev/shm")
        folder = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
        for left in folder.glob(f"{PREFIX}*"):  # of ranks killed while they started
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > STALE_SECONDS:
                    left.unlink()
        handle, name = tempfile.mkstemp(prefix=PREFIX, dir=folder)
        try:
            os.write(handle, STATE.pack(0, n, 0, 0).ljust(SIZE, b"\0"))
        finally:
            os.close(handle)
        return Path(name)

    def close(self) -> None:
        self._words.release()
        self._memory.close()
        os.close(self._handle)

    def stop(self) -> None:
        """No rank draws any more (one store: safe inside a signal handler)."""
        self._words[STOP_AT // 8] = 1

    @property
    def stopped(self) -> bool:
        return bool(self._words[STOP_AT // 8])

    def drawn(self) -> int:
        """Units dealt so far, for progress lines."""
        return int(struct.unpack_from("<q", self._memory, 0)[0])

    def draw(self) -> range:
        """The next positions for this rank; empty when all are dealt (or the queue is stopped).

        While others hold chunks that may come back, waits for them.
        """
        self._settle()
        while True:
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            try:
                if self.stopped:
                    return range(0)
                following, end, held, returned = STATE.unpack_from(self._memory)
                if returned:
                    drawn = self._pop(following, end, held, returned)
                    break
                if following < end:
                    size = min(self._chunk(), 1 + (end - following) // (2 * self._ranks))
                    drawn = range(following, min(following + size, end))
                    held += len(drawn) > 1
                    STATE.pack_into(self._memory, 0, drawn.stop, end, held, 0)
                    break
                if held == 0:
                    return range(0)
            finally:
                fcntl.flock(self._handle, fcntl.LOCK_UN)
            time.sleep(0.002)
        self._several = len(drawn) > 1
        self._begun = time.perf_counter()
        self.look_up = self._begun + GIVE_BACK_SECONDS
        return drawn

    def _chunk(self) -> int:
        if self._seconds <= 0:
            return 1
        return max(1, min(LARGEST_CHUNK, int(CHUNK_SECONDS / self._seconds)))

    def _pop(self, following: int, end: int, held: int, returned: int) -> range:
        place = RETURNED_AT + (returned - 1) * RANGE.size
        first, last = RANGE.unpack_from(self._memory, place)
        # what came back is long for its chunk: deal it one by one
        if first + 1 < last:
            RANGE.pack_into(self._memory, place, first + 1, last)
        else:
            returned -= 1
        STATE.pack_into(self._memory, 0, following, end, held, returned)
        return range(first, first + 1)

    def too_long(self, done: int) -> bool:
        """After `done` units of the chunk: has it become long enough to share the rest?"""
        seconds = time.perf_counter() - self._begun
        self._seconds = seconds / done
        return self._several and seconds > GIVE_BACK_SECONDS

    def give_back(self, rest: range) -> bool:
        """Return positions not begun; False when the stack is full (keep them then)."""
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        try:
            following, end, held, returned = STATE.unpack_from(self._memory)
            if returned >= STACK:
                return False
            RANGE.pack_into(self._memory, RETURNED_AT + returned * RANGE.size, rest.start, rest.stop)
            STATE.pack_into(self._memory, 0, following, end, held - self._several, returned + 1)
            self._several = False  # nothing of the chunk is left in this rank's hands
            return True
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def _settle(self) -> None:
        """The last chunk of this rank is done."""
        if not self._several:
            return
        self._several = False
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        try:
            following, end, held, returned = STATE.unpack_from(self._memory)
            STATE.pack_into(self._memory, 0, following, end, held - 1, returned)
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)
