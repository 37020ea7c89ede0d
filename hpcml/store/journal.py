"""The journal on disk: append-only JSON Lines, one file per writer."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hpcml.store.atomic import storage_errors


class Journal:
    """One writer's file, made at its first entry. Each line is one `write`, so lines never mix."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}.jsonl"

    def write(self, event: str, **values: Any) -> dict[str, Any]:
        """Append an entry, and return it."""
        # microseconds: entries of two writers on one machine keep their order
        entry = {"time": round(time.time(), 6), "event": event, **values}
        # ASCII: an error's text may hold halves of characters, and what other readers take for line ends
        line = json.dumps(entry)
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
            try:
                os.write(handle, (line + "\n").encode())
            finally:
                os.close(handle)
        return entry


def read_entries(
    folders: Sequence[Path], read_to: Mapping[str, int], events: Sequence[str] = ()
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """(entries of all writers behind the first `read_to` bytes of each file, bytes read now by path).

    events: only these, if given. A torn last line is left for the next reading.
    """
    wanted = tuple(f'"event": "{event}"'.encode() for event in events)
    found: list[dict[str, Any]] = []
    now_read = dict(read_to)
    for folder in folders:
        for path, size in _files(folder):
            start = read_to.get(path, 0)
            if size <= start:
                continue  # nothing new: not opened
            raw = _read_from(path, start)
            complete = raw[: raw.rfind(b"\n") + 1]
            now_read[path] = start + len(complete)
            found.extend(_parsed(complete, wanted, events))
    return found, now_read


def _files(folder: Path) -> list[tuple[str, int]]:
    """(path, size) of each writer's file, by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (entry.path, entry.stat().st_size) for entry in entries if entry.name.endswith(".jsonl")
            )
    except FileNotFoundError:
        return []


def _read_from(path: str, start: int) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (10,000 of them: a Path each takes as long)
        file.seek(start)
        return file.read()


def _parsed(raw: bytes, wanted: tuple[bytes, ...], events: Sequence[str]) -> Iterator[dict[str, Any]]:
    for line in raw.split(b"\n"):
        if wanted and not any(text in line for text in wanted):
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue  # the writer was killed inside this line, or it is damaged: history, not results
        if not isinstance(entry, dict) or not isinstance(entry.get("time"), int | float):
            continue
        if isinstance(entry.get("event"), str) and (not events or entry["event"] in events):
            yield entry
