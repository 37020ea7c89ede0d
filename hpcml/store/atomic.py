"""Whole files or no files: write under another name, fsync, rename, fsync the folder.

The three ways a name comes into being in a campaign (replace, create-once, seal).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hpcml.errors import StorageError

ABANDONED_SECONDS = 900.0  # longer than any pause of a living writer, clocks of two hosts included


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full disk, a quota or a read-only folder into one line that names the place."""
    try:
        yield
    except OSError as error:
        cure = {
            errno.ENOSPC: "no space left on the device: free some and `hpcml resume`",
            errno.EDQUOT: "the quota is used up: free some and `hpcml resume`",
            errno.EFBIG: "the limit of file sizes is reached (`ulimit -f`): raise it and `hpcml resume`",
            errno.EISDIR: "a folder stands where this file belongs: move it away and `hpcml resume`",
            errno.ENOTDIR: "a file stands where a folder belongs: move it away and try again",
            errno.EEXIST: "a file stands where this folder belongs: move it away and try again",
            errno.EROFS: "the file system is read-only",
            errno.EACCES: "no permission to write there",
            errno.EPERM: "no permission to write there",
        }.get(error.errno or 0)
        if cure is None:
            raise
        raise StorageError(f"cannot write {path}: {error.strerror}", cure) from error


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive the loss of the node."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well it becomes `path`, durably.

    The temporary file is removed when the block fails, so that nothing half-written stays.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    handle = -1
    with storage_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
            with suppress(OSError):  # no locks on this file system: then age alone tells who is gone
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield temporary
            os.fsync(handle)
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            if handle >= 0:
                os.close(handle)


def remove_abandoned(folder: Path) -> None:
    """Remove temporary files of killed writers: old, and locked by nobody."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if not (entry.name.startswith(".") and entry.name.endswith(".tmp")):
                continue
            with suppress(OSError):  # gone meanwhile, or somebody else's: it costs space, no results
                if time.time() - entry.stat().st_mtime < ABANDONED_SECONDS:
                    continue
                handle = os.open(entry.path, os.O_RDONLY)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    Path(entry.path).unlink()
                finally:
                    os.close(handle)


def write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def create_once(path: Path, text: str) -> bool:
    """Write `path` only if no such name exists; False when somebody was first.

    A hard link is the one creation that is atomic and exclusive with whole content.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with temporary.open("w", encoding="utf-8") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            sync_folder(path.parent)
            return True
        finally:
            temporary.unlink(missing_ok=True)
