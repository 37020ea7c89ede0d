"""An input file as it was when planned, and whether it still is that file.

Size, time and digest of one file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Literal

from hpcml.campaign import InputFile

HashMode = Literal["fast", "full"]
_MIB = 1 << 20


def describe_input(path: Path, mode: HashMode) -> InputFile:
    """Size, time and digest of the file at `path`; OSError when it cannot be read.

    Digest: `fast:` xxh3-128 of the first, middle and last MiB and the size (a terabyte costs three
    reads), `full:` xxh3-128 of all bytes.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        digest = _digest(file, status.st_size, mode)
    return InputFile(str(path), status.st_size, status.st_mtime_ns, digest)


def input_changed(recorded: InputFile) -> str:
    """'' while the file is what was recorded, else a sentence that says what differs.

    A new time alone is no change (a copy, a touch): the digest decides, in the recorded mode.
    """
    path = Path(recorded.path)
    try:
        status = path.stat()
        if status.st_size != recorded.size:
            return f"{path} has {status.st_size} bytes, {recorded.size} when it was planned"
        if status.st_mtime_ns == recorded.mtime_ns:
            return ""
        now = describe_input(path, "full" if recorded.digest.startswith("full:") else "fast")
    except OSError as error:
        return f"{path} cannot be read any more: {error.strerror}"
    if now.digest != recorded.digest:
        return f"{path} has other content ({now.digest}) than when it was planned ({recorded.digest})"
    return ""


def _digest(file: BinaryIO, size: int, mode: HashMode) -> str:
    import xxhash

    state = xxhash.xxh3_128()
    if mode == "full":
        while block := file.read(4 * _MIB):
            state.update(block)
    else:
        if size <= 3 * _MIB:
            state.update(file.read())
        else:
            for start in (0, (size - _MIB) // 2, size - _MIB):
                file.seek(start)
                state.update(file.read(_MIB))
        state.update(size.to_bytes(8, "little"))
    return f"{mode}:{state.hexdigest()}"
