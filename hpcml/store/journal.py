"""What was tried: append-only JSON Lines, one file per writer.

Deleting the journal loses history and the counts of failed attempts, never results (law 3).
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpcml.store.atomic import storage_errors


class Journal:
    """One writer's file, made at its first word. Each line is one `write`, so lines never mix."""

    def __init__(self, folder: Path, writer: str = "") -> None:
        name = writer or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.path = folder / f"{name}.jsonl"

    def write(self, event: str, **words: Any) -> None:
        # ASCII: an error's text may hold halves of characters, and what other readers take for line ends
        line = json.dumps({"time": round(time.time(), 3), "event": event, **words})
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
            try:
                os.write(handle, (line + "\n").encode())
            finally:
                os.close(handle)


def read_journal(folder: Path, *events: str) -> list[dict[str, Any]]:
    """All words of all writers in order of time; only `events` if given. A torn last line is skipped."""
    found = [word for path in sorted(folder.glob("*.jsonl")) for word in _lines(path, tuple(events))]
    found.sort(key=lambda word: float(word["time"]))
    return found


def _lines(path: Path, events: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    wanted = tuple(f'"event": "{event}"' for event in events)
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        if wanted and not any(text in line for text in wanted):
            continue
        try:
            word = json.loads(line)
        except (ValueError, RecursionError):
            continue  # the writer was killed inside this line, or it is damaged: history, not results
        if not isinstance(word, dict) or not isinstance(word.get("time"), int | float):
            continue
        if isinstance(word.get("event"), str) and (not events or word["event"] in events):
            yield word
