"""Knowing what is there: 10,000 parts, 10,000 journal files, and `hpcml status` of a large campaign."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from hpcml.attempts.decision import decide, survey
from hpcml.attempts.jobs import Jobs
from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign
from hpcml.store.frames import Frame
from hpcml.store.ledger import scan
from hpcml.store.parts import Identity, write_part
from tests.benchmarks import running
from tests.benchmarks.rows import Row, figure_row
from tests.benchmarks.settings import ROUNDS
from tests.benchmarks.workloads import VALUES

MANY_UNITS = 1_000_000
MANY_PARTS = 10_000
STATUS_UNITS = 100_000
JOURNAL_FILES = 10_000


def measure() -> list[Row]:
    with running.scratch("missing") as folder:
        return [_scan(folder), *_status(folder), *_journals(folder)]


def _parts(campaign: Path, units: int, parts: int) -> int:
    """Write parts of a planned campaign, a tenth of them left out; the units that are there."""
    step = OpenCampaign(campaign).step("bench")
    listed, identity = step.units(), step.identity()
    per_part = units // parts
    there = 0
    for number in range(parts):
        if number % 10 == 3:
            continue
        ids = np.arange(number * per_part, (number + 1) * per_part)
        values = np.repeat(ids.astype("<f4")[:, None], VALUES, axis=1)
        frame = Frame(
            ids.astype("<u4"), {"rows": np.ones(per_part, "<u4")}, {"rows": {"value": values}}, 0.0, 0.0
        )
        path = step.layout.part(int(ids[0]), int(ids[-1]), per_part, shard=0, rank=0, token=f"{number:012x}")
        write_part(path, frame, keys=listed.keys[ids], schema=listed.schema, identity=identity, about={})
        there += per_part
    return there


def _scan(folder: Path) -> Row:
    campaign = running.plan(folder / "scan", "NoOp", f"{{units: {MANY_UNITS}}}")
    print(f"  writing {MANY_PARTS:,} parts", file=sys.stderr)
    there = _parts(campaign, MANY_UNITS, MANY_PARTS)
    step = OpenCampaign(campaign).step("bench")
    identity: Identity = step.identity()
    times = []
    running.settle()
    for _ in range(ROUNDS + 2):
        begun = time.perf_counter()
        missing = scan(step.layout, MANY_UNITS, identity).missing
        times.append(time.perf_counter() - begun)
        if len(missing) != MANY_UNITS - there:
            raise running.Failed("the scan is wrong")
    what = f"what is missing among {MANY_UNITS:,} units in {MANY_PARTS * 9 // 10:,} parts, warm"
    return figure_row(what, times[1:], "s", most=0.2)


def _status(folder: Path) -> list[Row]:
    rows = []
    for parts in (10, 1000):
        campaign = running.plan(folder / str(parts), "NoOp", f"{{units: {STATUS_UNITS}}}")
        _parts(campaign, STATUS_UNITS, parts)
        running.settle()
        times = [running.hpcml("status", campaign).seconds for _ in range(ROUNDS + 1)]
        what = f"`hpcml status` of {STATUS_UNITS:,} units in {parts * 9 // 10:,} parts, whole command"
        rows.append(figure_row(what, times[1:], "s", most=1.0))
    return rows


def _journals(folder: Path) -> list[Row]:
    """A campaign of 10,000 ranks: each wrote that it started and ended, and a failure of one unit."""
    campaign = running.plan(folder / "journals", "NoOp", f"{{units: {STATUS_UNITS}}}")
    _parts(campaign, STATUS_UNITS, 100)
    opened = OpenCampaign(campaign)
    step = opened.step("bench")
    keys = [key.decode() for key in step.units().keys.tolist()]
    for number in range(JOURNAL_FILES):
        about = {"step": "bench", "shard": number, "attempt": 1, "ranks": 1, "host": "n1"}
        failure = {"unit": keys[number], "error": "ValueError: no", "traceback": "line\n" * 40, "rank": 0}
        used = {"wall_seconds": 100.0, "cpu_seconds": 90.0, "peak_bytes": 10**8}
        entries = [
            {"time": 1e9 + number, "event": "shard-started", **about},
            {"time": 1e9 + number + 1, "event": "unit-failed", **about, **failure},
            {"time": 1e9 + number + 2, "event": "shard-incomplete", **about, **used},
        ]
        path = opened.layout.journal / f"rank-{number:05d}.jsonl"
        path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    running.settle()
    times = [running.hpcml("status", campaign).seconds for _ in range(ROUNDS + 1)]
    what = f"{JOURNAL_FILES:,} journal files"
    rows = [figure_row(f"{what}: `hpcml status`, whole command", times[1:], "s", most=2.0)]
    times = []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        history, jobs, ledger = History.read(opened.layout.journal), Jobs(), step.ledger()
        decision = decide(history, jobs, ledger, survey(step, jobs, ledger))
        times.append(time.perf_counter() - begun)
        if not len(decision.units):
            raise running.Failed("nothing is decided")
    return [*rows, figure_row(f"{what}: decision of a resume, warm", times[1:], "s", most=2.0)]
