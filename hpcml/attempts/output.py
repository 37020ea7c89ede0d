"""One file of what a job printed, and its end."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

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
