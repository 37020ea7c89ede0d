"""Which shards of a rendered attempt somebody has begun: one small file a shard.

    <shard>         made by whoever begins the shard first, with the number of the shard whose job that is
    <shard>.done    another job took it along, and all its units are recorded

rank.sh makes the first for its own shard and leaves at once when the second is there, so that a job whose
work is done costs no Python. Neither decides what counts as done: the parts do (ledger.py).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Claims:
    """The folder of one step of an attempt, seen from the job of shard `mine`."""

    folder: Path
    mine: int

    def take(self, shards: int) -> int:
        """Begin the last of so many shards that nobody has begun; -1 when there is none.

        The last, since the scheduler starts them from the first on. Where the folder cannot be written
        there is none either: every job then computes its own shard.
        """
        with suppress(OSError):
            names = {path.name for path in self.folder.iterdir()}
            for shard in range(shards - 1, -1, -1):
                if str(shard) not in names and self._begin(shard):
                    return shard
        return -1

    def _begin(self, shard: int) -> bool:
        """False when somebody else was faster."""
        try:
            with (self.folder / str(shard)).open("x", encoding="ascii") as file:
                file.write(f"{self.mine}\n")
        except FileExistsError:
            return False
        return True

    def done(self, shard: int) -> None:
        """All units of a shard that was taken along are recorded: its own job need not start Python."""
        with suppress(OSError):
            (self.folder / f"{shard}.done").touch()
