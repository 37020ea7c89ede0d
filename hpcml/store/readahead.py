"""Reading in a thread of its own while the caller writes: the two copies of a merge side by side.

Reading, checking and writing release the interpreter lock, so two cores share the work.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

Window = TypeVar("Window")
WINDOWS = 2  # one is read while the other is written; whoever makes them must keep so many apart


def read_ahead(windows: Iterator[Window]) -> Generator[Window, None, None]:
    """The windows of `windows`, the next one read while the caller works on this one.

    A window is valid until the next is asked for. What `windows` raises is raised here, in its place;
    the thread has ended when this generator has.
    """
    ready: SimpleQueue[Window | BaseException | None] = SimpleQueue()
    free = threading.Semaphore(WINDOWS)
    stopped = threading.Event()

    def read() -> None:
        try:
            while free.acquire() and not stopped.is_set():
                window = next(windows, None)
                ready.put(window)
                if window is None:
                    return
        except BaseException as error:
            ready.put(error)

    reader = threading.Thread(target=read, name="hpcml-read-ahead", daemon=True)
    reader.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            free.release()
    finally:
        stopped.set()
        free.release()
        reader.join()
        with suppress(AttributeError):  # a plain iterator has nothing to close
            windows.close()  # type: ignore[attr-defined]
