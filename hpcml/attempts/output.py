"""What the jobs of a shard left in words: files of output, and the last error in the journal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TAIL_BYTES = 64_000


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of output. shard is -1 for a merge."""

    step: str
    shard: int
    attempt: int
    path: Path

    def tail(self, lines: int) -> list[str]:
        with self.path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return text.splitlines()[-lines:]


@dataclass(frozen=True, slots=True)
class ShardError:
    """Why the last start of a shard ended. code: the exit code of the rank that failed."""

    code: int
    error: str
    hint: str = ""


# the entries of a journal that `last_error` needs
ERROR_EVENTS = ("shard-started", "rank-failed")


def last_error(
    entries: Iterable[Mapping[str, Any]], step: str, shard: int, attempt: int
) -> ShardError | None:
    """The error of the newest start of a shard, from the journal's entries in order of time; None when that
    start recorded none (it runs, it ended well, or it was killed)."""
    mine = [
        entry
        for entry in entries
        if entry["event"] in ERROR_EVENTS
        and (entry["step"], entry["shard"], entry["attempt"]) == (step, shard, attempt)
    ]
    if not mine or mine[-1]["event"] != "rank-failed":
        return None
    return ShardError(int(mine[-1]["code"]), str(mine[-1]["error"]), str(mine[-1]["hint"]))
