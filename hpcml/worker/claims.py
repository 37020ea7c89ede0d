"""Shards that jobs of an attempt have claimed: one small file per shard.

    <shard>         made by the job that claims the shard first; holds the number of that job's own shard
    <shard>.done    a job claimed it besides its own, and all its units are recorded

rank.sh makes the first for its own shard and leaves at once when the second is there, so that a job whose
work is done costs no Python. Neither decides what counts as done: the parts do (store/ledger.py).
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

    def claim(self, shards: int) -> int | None:
        """Claim the last of so many shards that no job has claimed; None when there is none.

        The last, since the scheduler starts them from the first on. Where the folder cannot be written
        there is none either: every job then computes its own shard.
        """
        with suppress(OSError):
            names = {path.name for path in self.folder.iterdir()}
            for shard in range(shards - 1, -1, -1):
                if str(shard) not in names and self._claim(shard):
                    return shard
        return None

    def _claim(self, shard: int) -> bool:
        """False when another job was faster."""
        try:
            with (self.folder / str(shard)).open("x", encoding="ascii") as file:
                file.write(f"{self.mine}\n")
        except FileExistsError:
            return False
        return True

    def done(self, shard: int) -> None:
        """All units of a shard besides the own one are recorded: its own job need not start Python."""
        with suppress(OSError):
            (self.folder / f"{shard}.done").touch()
