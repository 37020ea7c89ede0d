"""3,000 columns against one column of 3,000 values per row, the same bytes: plan, compute, merge and read.

In memory, so that no disk stands between the two. Every command is a fresh process; reading opens the
table and takes every value of it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from statistics import median

from tests.benchmarks import running
from tests.benchmarks.rows import Row, ratio_row
from tests.benchmarks.settings import ROUNDS

MEMORY = Path("/dev/shm")
STAGES = ("plan", "work", "merge", "open and read all")
READ = """
import sys
from pathlib import Path
from hpcml.directory.opened import OpenCampaign
table = OpenCampaign(Path(sys.argv[1])).step("bench").table()
print(sum(float(column[-1].sum()) for column in table.columns("rows") if column.max() > 0))
"""


def measure() -> list[Row]:
    seconds: dict[str, dict[str, list[float]]] = {name: {} for name in ("ManyColumns", "OneWideColumn")}
    with running.scratch("wide", MEMORY if MEMORY.is_dir() else None) as folder:
        for number in range(ROUNDS):
            for name, found in seconds.items():
                for stage, spent in zip(STAGES, _stages(folder, name), strict=True):
                    found.setdefault(stage, []).append(spent)
                line = ", ".join(f"{stage} {values[-1]:.2f} s" for stage, values in found.items())
                print(f"  round {number + 1}: {name}: {line}", file=sys.stderr)
    return [_row(stage, seconds["ManyColumns"][stage], seconds["OneWideColumn"][stage]) for stage in STAGES]


def _stages(folder: Path, workload: str) -> list[float]:
    """Seconds of each stage."""
    running.settle()
    campaign = folder / "planned"
    shutil.rmtree(campaign, ignore_errors=True)
    planned = running.timed_plan(folder, workload, "{}")
    worked = running.hpcml("work", campaign, "--step", "bench")
    merged = running.hpcml("merge", campaign)
    read = running.command([sys.executable, "-c", READ, campaign])
    return [ran.seconds for ran in (planned, worked, merged, read)]


def _row(stage: str, many: list[float], one: list[float]) -> Row:
    return ratio_row(
        f"3,000 float32 columns x 20,000 rows, {stage}: time",
        f"{median(many):.2f} s",
        f"one column of 3,000 values per row: {median(one):.2f} s",
        [a / b for a, b in zip(many, one, strict=True)],
        most=2.0,
    )
