"""One `run` or `resume` at a time in a campaign directory. The lock dies with its holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from hpcml.directory.opened import OpenCampaign
from hpcml.errors import UsageError
from hpcml.store.atomic import storage_errors


@contextmanager
def exclusive_lock(opened: OpenCampaign) -> Iterator[None]:
    """Hold the campaign's lock: one `run` or `resume` at a time. The lock dies with its holder."""
    path = opened.layout.lock
    with storage_errors(path):
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 200, 0).decode(errors="replace").strip()
            raise UsageError(
                f"another run or resume is active in {opened.root} ({holder})",
                f"wait for it or stop it; `hpcml status {opened.root}` shows how far it is",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)
        yield
    finally:
        os.close(handle)
