"""`hpcml merge` of 2 GB of images against `cat parts > file` at the same place in the same round.

A merge ends when its table is on the disk; `cat` ends when the disk has not yet begun. So it is measured
in memory, where neither waits for a disk, and on the disk, where `cat` is followed by `sync`; against `cat`
alone on the disk is printed too. Parts are written directly through the store; the campaign and its unit
list come from `hpcml plan`. Every block of every part is checked by the merge, and the table's checksums and
digest are made.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.store.blocks import SealedReader
from hpcml.store.frames import Frame
from hpcml.store.parts import write_part
from tests.benchmarks import running
from tests.benchmarks.rows import Row, figure_row, ratio_row
from tests.benchmarks.settings import ROUNDS

BYTES = 2_000_000_000
MEAN_ROWS = 37
PICTURE = (16, 16)
MEMORY = Path("/dev/shm")


def measure() -> list[Row]:
    rows: list[Row] = []
    for parts, alternately, bar in ((64, False, 1.5), (64, True, 2.0), (1000, False, 3.0)):
        how = "drawn alternately by two ranks" if alternately else "contiguous units"
        what = f"merge of {parts} parts, {BYTES / 1e9:g} GB, {how}"
        if shutil.disk_usage(MEMORY).free > 4 * BYTES:
            with running.scratch("merge", MEMORY) as folder:
                rows += _in_memory(_prepared(folder, parts, alternately), what, bar)
        else:
            rows.append(Row(what, f"not measured in memory: {MEMORY} has no {4 * BYTES / 1e9:g} GB free"))
        with running.scratch("merge") as folder:
            rows += _on_disk(_prepared(folder, parts, alternately), what, bar)
    return rows


@dataclass(frozen=True, slots=True)
class _Place:
    """A campaign whose parts are there, and what its merged table must say."""

    campaign: Path
    step: OpenStep
    marks: np.ndarray[Any, Any]

    def merge(self) -> running.Ran:
        self.step.layout.table.unlink(missing_ok=True)
        running.settle()
        return running.hpcml("merge", self.campaign)

    def cat(self) -> tuple[float, float]:
        """Seconds of `cat parts > copy`, and until the copy is on the disk."""
        parts, copy = self.step.layout.parts, self.campaign / "copy"
        self.step.layout.table.unlink(missing_ok=True)
        running.settle()
        copied = running.command(["sh", "-c", f"cat {parts}/*.h5 > {copy}"]).seconds
        synced = running.command(["sync", copy]).seconds
        copy.unlink()
        return copied, copied + synced


def _prepared(folder: Path, parts: int, alternately: bool) -> _Place:
    units = BYTES // (MEAN_ROWS * 1024)
    campaign = running.plan(folder, "Images", f"{{units: {units}}}")
    step = OpenCampaign(campaign).step("bench")
    return _Place(campaign, step, _fill(step, parts, alternately))


def _in_memory(place: _Place, what: str, bar: float) -> list[Row]:
    place.cat()  # the first use of fresh memory takes seconds
    rounds = [(place.cat()[0], place.merge()) for _ in range(ROUNDS)]
    _say(what, rounds)
    _check(place)
    reference = f"cat parts > file: {median(cat for cat, _ in rounds):.2f} s"
    figure = f"{median(ran.seconds for _, ran in rounds):.2f} s"
    return [
        ratio_row(
            f"{what}, in memory: time",
            figure,
            reference,
            [ran.seconds / cat for cat, ran in rounds],
            most=bar,
        )
    ]


def _on_disk(place: _Place, what: str, bar: float) -> list[Row]:
    rounds = [(*place.cat(), place.merge()) for _ in range(ROUNDS)]
    _say(what, [(synced, ran) for _, synced, ran in rounds])
    _check(place)
    figure = f"{median(ran.seconds for _, _, ran in rounds):.2f} s"
    both = [ran.seconds / synced for _, synced, ran in rounds]
    alone = [ran.seconds / cat for cat, _, ran in rounds]
    return [
        ratio_row(
            f"{what}, until it is on the disk: time", figure,
            f"cat parts > file; sync file: {median(synced for _, synced, _ in rounds):.2f} s", both, most=bar,
        ),
        ratio_row(
            "... the same", figure,
            f"cat alone, nothing on the disk yet: {median(cat for cat, _, _ in rounds):.2f} s", alone,
        ),
        figure_row("... its peak memory", [ran.peak / 1e6 for _, _, ran in rounds], "MB", most=300.0),
    ]  # fmt: skip


def _say(what: str, rounds: Sequence[tuple[float, running.Ran]]) -> None:
    for number, (cat, ran) in enumerate(rounds, 1):
        print(f"  round {number}: {what}: {ran.seconds:.2f} s, cat {cat:.2f} s,"
              f" {ran.peak / 1e6:.0f} MB", file=sys.stderr)  # fmt: skip


def _fill(step: OpenStep, parts: int, alternately: bool) -> np.ndarray[Any, Any]:
    """Write the parts of a step; the first value of each unit's first image, for the check."""
    units, identity = step.units(), step.identity()
    rng = np.random.default_rng(1)
    counts = rng.integers(MEAN_ROWS - 12, MEAN_ROWS + 13, len(units)).astype("<u4")
    noise = rng.random((int(counts.max()) * 64, *PICTURE), np.float32)
    marks = np.arange(len(units), dtype="f4")
    bounds = np.linspace(0, len(units), (parts // 2 if alternately else parts) + 1).astype(np.int64)
    number = 0
    for first, last in pairwise(bounds.tolist()):
        whole = np.arange(first, last)
        for rank, ids in enumerate(_dealt(whole, rng) if alternately else (whole,)):
            rows = np.resize(noise, (int(counts[ids].sum()), *PICTURE))
            starts = np.cumsum(counts[ids], dtype=np.int64) - counts[ids]
            rows[starts, 0, 0] = marks[ids]
            frame = Frame(ids.astype("<u4"), {"images": counts[ids]}, {"images": {"image": rows}}, 0.0, 0.0)
            path = step.layout.part(
                int(ids[0]), int(ids[-1]), len(ids), shard=0, rank=rank, token=f"{number:012x}"
            )
            write_part(path, frame, keys=units.keys[ids], schema=units.schema, identity=identity, about={})
            number += 1
    return marks


def _dealt(ids: np.ndarray[Any, Any], rng: np.random.Generator) -> list[np.ndarray[Any, Any]]:
    """The units of two ranks that drew one by one: now the one, now the other, at random."""
    first = rng.random(len(ids)) < 0.5
    return [ids[first], ids[~first]]


def _check(place: _Place) -> None:
    step, marks = place.step, place.marks
    with SealedReader(step.layout.table) as file:
        begin, handle = file.extent("images/image").offset, file.open()
        first = file.array("index/images")[:, 0].astype(np.int64)
        # no memory map: what this process holds would count as the peak of those it starts
        found = b"".join(os.pread(handle, 4, begin + 1024 * row) for row in first.tolist())
    if not np.array_equal(np.frombuffer(found, "<f4"), marks):
        raise running.Failed("the merged table is wrong")
    shutil.rmtree(step.layout.parts)
