"""What was tried in a campaign: its journal, read once per command and handed on.

Entries are in order of time, whoever wrote them. A History never changes: `with_entries` and `updated` give
another one. Deleting the journal loses history and the counts of failures, never results (law 3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpcml.store.journal import read_entries

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failures:
    """Of one step, since they were last forgiven. counts: by unit key. last: the newest entry of each."""

    counts: Counter[str] = field(default_factory=Counter)
    last: Mapping[str, Entry] = field(default_factory=dict)

    def at_limit(self, max_attempts: int) -> frozenset[str]:
        """Keys of the units that failed as often as they may."""
        return frozenset(key for key, count in self.counts.items() if count >= max_attempts)


@dataclass(frozen=True, slots=True)
class History:
    """entries: all of them, in order of time. read_to: bytes read of each journal file, by path."""

    entries: tuple[Entry, ...] = ()
    read_to: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, *folders: Path, events: Iterable[str] = ()) -> History:
        """The journal in `folders`; only entries of these `events` if given (then much less is parsed)."""
        return cls().updated(*folders, events=events)

    def updated(self, *folders: Path, events: Iterable[str] = ()) -> History:
        """With what was written since: no byte is read twice."""
        found, read_to = read_entries(folders, self.read_to, tuple(events))
        return History(_in_order([*self.entries, *found]), read_to)

    def with_entries(self, *entries: Entry) -> History:
        return History(_in_order([*self.entries, *entries]), self.read_to) if entries else self

    def of(self, *events: str, step: str = "") -> list[Entry]:
        """Entries of these events, in order of time; of one step if given."""
        return [
            entry
            for entry in self.entries
            if entry["event"] in events and (not step or entry.get("step") == step)
        ]

    def failures(self, step: str) -> Failures:
        counts: Counter[str] = Counter()
        last: dict[str, Entry] = {}
        for entry in self.of("unit-failed", "failures-forgiven", step=step):
            if entry["event"] == "failures-forgiven":
                counts.clear()
                last.clear()
            else:
                counts[entry["unit"]] += 1
                last[entry["unit"]] = entry
        return Failures(counts, last)

    def last_starts(self) -> dict[tuple[str, int, int], str]:
        """{(step, attempt, shard): started, interrupted, incomplete or done}, the newest of each."""
        found = self.of("shard-started", "shard-interrupted", "shard-incomplete", "shard-done")
        return {
            (entry["step"], entry["attempt"], entry["shard"]): entry["event"].removeprefix("shard-")
            for entry in found
        }

    def lost_replies(self) -> list[Entry]:
        """Submissions that were made and never answered: the machine died, or the scheduler was silent."""
        answered = {(entry["attempt"], entry["name"]) for entry in self.of("submitted")}
        return [entry for entry in self.of("submitting") if (entry["attempt"], entry["name"]) not in answered]


def _in_order(entries: list[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: float(entry["time"])))
