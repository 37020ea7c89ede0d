"""No-op units, durable at the end: hpcml on 2 ranks and on 1, a plain loop, pools of processes.

Rates are of the steady part: for hpcml from the moment the first rank is about to compute its first
unit until the journal says that all ranks have sealed; for the others see references.py.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter_ns

import numpy as np

from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign
from tests.benchmarks import running
from tests.benchmarks.rows import Row, figure_row, ratio_row
from tests.benchmarks.settings import ROUNDS, UNITS
from tests.benchmarks.workloads import NOTES, VALUES

DASK_UNITS = 2000


def measure() -> list[Row]:
    per_unit: dict[str, list[float]] = {}
    whole: dict[str, list[float]] = {}
    itself: dict[str, list[float]] = {}
    with running.scratch("units") as folder:
        planned = running.plan(folder, "NoOp", f"{{units: {UNITS}}}")
        for number in range(ROUNDS):
            for name in ("loop", "2 ranks", "1 rank", "pool", "joblib", "dask"):
                running.settle()
                if name.endswith(("rank", "ranks")):
                    seconds, total = _hpcml(planned, folder / "campaign", int(name[0]))
                    units = UNITS
                else:
                    units = DASK_UNITS if name == "dask" else UNITS
                    seconds, total = _plain(name, units, folder / "plain.h5")
                per_unit.setdefault(name, []).append(seconds / units * 1e6)
                whole.setdefault(name, []).append(total)
                itself.setdefault(name, []).append(_itself())
                line = f"{name}: {per_unit[name][-1]:.2f} us a unit, {total:.2f} s in all"
                print(f"  round {number + 1}: {line}", file=sys.stderr)
    return [*_rates(per_unit), *_overheads(per_unit, itself), *_commands(whole)]


def _plain(name: str, units: int, path: Path) -> tuple[float, float]:
    ran = running.reference(name, str(units), path)
    path.unlink()
    return float(json.loads(ran.out.splitlines()[-1])["seconds"]), ran.seconds


def _hpcml(planned: Path, campaign: Path, ranks: int) -> tuple[float, float]:
    """(seconds of the steady part, seconds of the whole command); the result is checked."""
    shutil.copytree(planned, campaign)
    notes = campaign / "notes"
    notes.mkdir()
    ran = running.hpcml("work", campaign, "--step", "bench", ranks=ranks, **{NOTES: str(notes)})
    begun = [float(note.read_text(encoding="utf-8")) for note in notes.iterdir()]
    opened = OpenCampaign(campaign)
    word = History.read(opened.layout.journal).of("shard-done")[-1]
    ledger = opened.step("bench").ledger()
    if len(begun) != ranks or word["done"] != UNITS or not ledger.done.all() or ledger.doubled:
        raise running.Failed(f"{len(begun)} ranks, {word['done']} units: not what was asked for")
    shutil.rmtree(campaign)
    return float(word["time"]) - min(begun), ran.seconds


def _itself() -> float:
    """Microseconds of the unit itself, which is not the engine's."""
    n = 20000
    begun = perf_counter_ns()
    for number in range(n):
        {"rows": {"value": np.full((1, VALUES), number, np.float32)}}
    return (perf_counter_ns() - begun) / n / 1000


def _ratios(of: Mapping[str, list[float]], name: str, to: str) -> list[float]:
    return [b / a for a, b in zip(of[name], of[to], strict=True)]


def _rates(per_unit: Mapping[str, list[float]]) -> list[Row]:
    def us(name: str) -> str:
        return f"{median(per_unit[name]):.2f} us a unit"

    rows = []
    for to, words, bar in (
        ("loop", "plain buffered loop, one process", 0.8),
        ("pool", "ProcessPoolExecutor, 64 a message", 2.5),
        ("joblib", "joblib, batches of 64", 2.5),
        ("dask", f"dask.distributed, one task a unit (N = {DASK_UNITS:,})", 500.0),
    ):
        what = f"{UNITS:,} no-op units on 2 ranks: rate"
        ratios = _ratios(per_unit, "2 ranks", to)
        rows.append(ratio_row(what, us("2 ranks"), f"{words}: {us(to)}", ratios, least=bar))
    what, reference = "the same on 1 rank, no MPI: rate", f"plain loop: {us('loop')}"
    rows.append(ratio_row(what, us("1 rank"), reference, _ratios(per_unit, "1 rank", "loop")))
    return rows


def _overheads(per_unit: Mapping[str, list[float]], itself: Mapping[str, list[float]]) -> list[Row]:
    rows = []
    for name, ranks in (("1 rank", 1), ("2 ranks", 2)):
        values = [value * ranks - unit for value, unit in zip(per_unit[name], itself[name], strict=True)]
        reference = f"the unit itself: {median(itself[name]):.2f} us"
        what = f"engine overhead a unit and rank, {name}"
        rows.append(figure_row(what, values, "us", reference=reference, most=10.0))
    return rows


def _commands(whole: Mapping[str, list[float]]) -> list[Row]:
    rows = []
    for name in ("2 ranks", "1 rank"):
        reference = f"script of the loop: {median(whole['loop']):.2f} s"
        ratios = _ratios(whole, "loop", name)
        rows.append(
            ratio_row(f"whole `hpcml work`, {name}: time", f"{median(whole[name]):.2f} s", reference, ratios)
        )
    return rows
