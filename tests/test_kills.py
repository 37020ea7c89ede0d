"""Law 3 and law 4 under `kill -9` at random times: nothing recorded is lost, little is computed twice.

What was computed is counted by the toy's own log.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import pytest
import toy

UNITS = 2500


FINISHED_WORK = 0.1  # seconds of finished work that a kill may cost a rank


@dataclass
class Tally:
    """What a series of kills cost."""

    kills: int = 0
    at_work: int = 0  # kills that met a rank at work
    ended: int = 0  # units that the toy says it finished
    needed: int = 0  # units of the campaigns
    doubled: int = 0  # units that stand in two parts (a kill between a part's rename and its log's end)
    worst: float = 0.0  # seconds of finished work that one kill cost one rank
    costs: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        mean = sum(self.costs) / max(1, len(self.costs))
        return (
            f"{self.kills} kills ({self.at_work} at work), {self.ended - self.needed} of {self.ended} units"
            f" computed again, {1000 * mean:.0f} ms of finished work a kill and rank, at most"
            f" {1000 * self.worst:.0f} ms, {self.doubled} units in two parts, 0 lost"
        )


class Victim:
    """A campaign whose workers are killed again and again until it is done."""

    def __init__(self, folder: Path, by: toy.Launcher, verb: str, dice: random.Random, tally: Tally) -> None:
        self.by, self.verb, self.dice, self.tally = by, verb, dice, tally
        self.folder = folder
        self.log = folder / "toy.log"
        self.opened = toy.planned(folder, toy.step(parameters={"n": UNITS}))
        self.opened_files: set[Path] = set()
        self.recorded: set[str] = set()
        self.ranks = 1 if by.name == "serial" and verb == "work" else 2
        tally.needed += UNITS

    def command(self) -> list[str | Path]:
        if self.verb == "work":
            return [*self.by.words(self.ranks), "work", self.opened.root, "--step", "toy"]
        return [self.by.python, "-m", "hpcml", "resume", self.opened.root, "--ranks", str(self.ranks)]

    def life(self) -> bool:
        """Start the worker, kill it at a random time, look at what it left. False when it was done."""
        variables: dict[str, object] = {"TOY_LOG": self.log, "TOY_SLEEP": "0.001-0.005"}
        if self.dice.random() < 0.5:
            variables["TOY_SEAL_BYTES"] = self.dice.choice([4000, 40000])
        before = self.log.stat().st_size if self.log.exists() else 0
        process = toy.start(self.command(), self.folder / "output", **variables)
        if self.dice.random() < 0.85:
            toy.wait_until(lambda: process.poll() is not None or self.log_size() > before, 120, "a unit")
            time.sleep(self.dice.uniform(0, 0.6))
        else:
            time.sleep(self.dice.uniform(0, 1.5))
        self.recorded |= toy.done_units(self.opened)
        ended = process.poll() is not None
        toy.kill_tree(process.pid)
        process.wait(30)
        self.tally.kills += not ended
        self.look(before)
        return not ended

    def log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def look(self, before: int) -> None:
        """Nothing recorded is gone, every file opens, the dead lost at most 0.1 s of finished work."""
        done = toy.done_units(self.opened)
        assert self.recorded <= done, f"recorded and lost: {sorted(self.recorded - done)[:5]}"
        self.recorded = done
        for path in set(toy.parts(self.opened)) - self.opened_files:
            with h5py.File(path, "r", locking=False) as file:
                assert len(file["units/number"]) > 0
            self.opened_files.add(path)
        begun: dict[tuple[int, str], float] = {}
        lost: dict[int, list[float]] = {}
        with self.log.open() if self.log.exists() else contextlib.nullcontext([]) as lines:
            if before:
                lines.seek(before)  # type: ignore[union-attr]
            for line in lines:
                word, key, pid, at, _ = line.split()
                if word == "begin":
                    begun[int(pid), key] = float(at)
                else:
                    gone = [] if key in done else [float(at) - begun[int(pid), key]]
                    lost.setdefault(int(pid), []).extend(gone)
                    self.tally.ended += 1
        self.tally.at_work += bool(lost)
        for seconds in lost.values():
            cost = sum(seconds)
            self.tally.costs.append(cost)
            self.tally.worst = max(self.tally.worst, cost)
            # the unit that ended just before the kill may not have been handed over yet
            assert cost - max(seconds, default=0.0) <= FINISHED_WORK

    def finish(self) -> dict[str, str]:
        """Let it end in peace; the digests."""
        before = self.log_size()
        command = ["work", self.opened.root, "--step", "toy"]
        assert toy.hpcml(*command, by=self.by, ranks=self.ranks, TOY_LOG=self.log).code == 0
        self.look(before)
        assert toy.logs(self.opened) == []
        digests = toy.merge_here(self.opened)
        table = toy.reopened(self.opened.step("toy")).table()
        assert table.keys() == [f"u{number:05d}" for number in range(UNITS)], "each unit once"
        self.tally.doubled += table.about["doubled"]
        toy.verified(self.opened)
        return digests


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    opened = toy.computed(tmp_path_factory.mktemp("uninterrupted"), toy.step(parameters={"n": UNITS}))
    return toy.merge_here(opened)


def kill_again_and_again(
    folder: Path, by: toy.Launcher, verb: str, kills: int, seed: int, uninterrupted: dict[str, str]
) -> Tally:
    tally, dice = Tally(), random.Random(seed)
    campaigns = 0
    while tally.kills < kills:
        campaigns += 1
        victim = Victim(folder / f"{campaigns}", by, verb, dice, tally)
        while tally.kills < kills and victim.life():
            pass
        assert victim.finish() == uninterrupted
        shutil.rmtree(victim.folder)
    print(f"\n{verb} {by.name}: {tally}")
    again = tally.ended - tally.needed
    # in all: units take 3 ms in the mean, and each kill of a rank at work may cost 0.1 s of them
    assert again * 0.003 <= FINISHED_WORK * max(1, len(tally.costs))
    assert tally.at_work > 0
    return tally


SERIES = [
    ("serial", "work", 5, 60),
    ("openmpi", "work", 7, 120),
    ("mpich", "work", 4, 60),
    ("openmpi", "resume", 4, 60),
]


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize(("name", "verb", "kills", "_"), SERIES)
def test_killed_workers_lose_nothing(
    tmp_path: Path, name: str, verb: str, kills: int, _: int, uninterrupted: dict[str, str]
) -> None:
    """20 kills in all."""
    kill_again_and_again(tmp_path, toy.launcher(name), verb, kills, 1, uninterrupted)


@pytest.mark.long
@pytest.mark.parametrize(("name", "verb", "_", "kills"), SERIES)
def test_three_hundred_kills_lose_nothing(
    tmp_path: Path, name: str, verb: str, _: int, kills: int, uninterrupted: dict[str, str]
) -> None:
    """300 kills in all, with another seed each time it is run."""
    seed = int(time.time())
    print(f"\nseed {seed}")
    kill_again_and_again(tmp_path, toy.launcher(name), verb, kills, seed, uninterrupted)
