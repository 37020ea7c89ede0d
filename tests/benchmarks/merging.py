"""`hpcml merge` of 2 GB of images against `cat parts > file` on the same disk in the same round.

Parts are written directly through the store; the campaign and its unit list come from `hpcml plan`.
Every block of every part is checked by the merge, and the table's checksums and digest are made.
"""

from __future__ import annotations

import os
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hpcml.opening import OpenCampaign, OpenStep
from hpcml.store.blocks import SealedReader
from hpcml.store.parts import write_part
from hpcml.store.wal import Frame
from tests.benchmarks import running
from tests.benchmarks.rows import Row, figure_row, ratio_row
from tests.benchmarks.settings import ROUNDS

BYTES = 2_000_000_000
MEAN_ROWS = 37
PICTURE = (16, 16)


def measure() -> list[Row]:
    rows: list[Row] = []
    for parts, alternately, bar in ((64, False, 1.5), (64, True, 2.0), (1000, False, 3.0)):
        with running.scratch("merge") as folder:
            rows += _one(folder, parts, alternately, bar)
    return rows


def _one(folder: Path, parts: int, alternately: bool, bar: float) -> list[Row]:
    units = BYTES // (MEAN_ROWS * 1024)
    campaign = running.plan(folder, "Images", f"{{units: {units}}}")
    step = OpenCampaign(campaign).step("bench")
    images = _fill(step, parts, alternately)
    found = sorted(step.layout.parts.glob("*.h5"))
    merged, copied, peaks = [], [], []
    for number in range(ROUNDS):
        running.settle()
        copied.append(_cat(found, folder / "copy"))
        running.settle()
        step.layout.table.unlink(missing_ok=True)
        ran = running.hpcml("merge", campaign)
        merged.append(ran.seconds)
        peaks.append(ran.peak / 1e6)
        print(f"  round {number + 1}: {parts} parts: merge {ran.seconds:.2f} s, cat {copied[-1]:.2f} s,"
              f" {peaks[-1]:.0f} MB", file=sys.stderr)  # fmt: skip
    _check(step, images)
    how = "drawn alternately by two ranks" if alternately else "contiguous units"
    what = f"merge of {parts} parts, {BYTES / 1e9:g} GB, {how}: time"
    ratios = [a / b for a, b in zip(merged, copied, strict=True)]
    reference = f"cat parts > file: {median(copied):.2f} s"
    return [
        ratio_row(what, f"{median(merged):.2f} s", reference, ratios, most=bar),
        figure_row("... its peak memory", peaks, "MB", most=300.0),
    ]


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


def _cat(parts: list[Path], to: Path) -> float:
    """Seconds of `cat parts > to`; the copy is removed."""
    seconds = running.command(["sh", "-c", f"cat parts/*.h5 > {to}"], cwd=parts[0].parent.parent).seconds
    to.unlink()
    return seconds


def _check(step: OpenStep, marks: np.ndarray[Any, Any]) -> None:
    with SealedReader(step.layout.table) as file:
        begin, handle = file.extent("images/image").offset, file.open()
        first = file.array("index/images")[:, 0].astype(np.int64)
        # no memory map: what this process holds would count as the peak of those it starts
        found = b"".join(os.pread(handle, 4, begin + 1024 * row) for row in first.tolist())
    if not np.array_equal(np.frombuffer(found, "<f4"), marks):
        raise running.Failed("the merged table is wrong")
    shutil.rmtree(step.layout.parts)
