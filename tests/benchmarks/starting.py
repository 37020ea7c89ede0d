"""How long a command takes to start, and what a worker imports."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

from tests.benchmarks import running
from tests.benchmarks.rows import Row, figure_row, ratio_row

STARTS = 10
HEAVY = ("pydantic", "yaml", "jinja2", "rich", "mpi4py", "pandas", "scipy", "sklearn", "matplotlib", "dask")
# a command that reads a campaign needs these two, whatever else it does
BARE = "import numpy, h5py"
PROBE = """
import sys
from hpcml.cli import main as cli
code = cli._run({words!r})
print("code", code)
print("found", *sorted({{name.partition(".")[0] for name in sys.modules}} & set({heavy!r})))
"""


def measure() -> list[Row]:
    help_times, bare_times = [], []
    running.settle()
    for _ in range(STARTS):
        bare_times.append(running.command([sys.executable, "-c", "pass"]).seconds * 1000)
        help_times.append(running.hpcml("--help").seconds * 1000)
    extra = [a - b for a, b in zip(help_times, bare_times, strict=True)]
    rows = [
        figure_row("`hpcml --help` beyond a bare interpreter", extra, "ms",
                   reference=f"bare interpreter: {median(bare_times):.0f} ms", most=100.0)
    ]  # fmt: skip
    with running.scratch("start") as folder:
        campaign = running.plan(folder, "NoOp", "{units: 100}")
        rows.append(_status(campaign))
        for name, words, forbidden in (
            ("--help", ["--help"], ("numpy", "h5py", *HEAVY)),
            ("work, 1 rank", ["work", str(campaign), "--step", "bench"], HEAVY),
            ("merge", ["merge", str(campaign)], tuple(item for item in HEAVY if item != "rich")),
            ("status", ["status", str(campaign)], tuple(item for item in HEAVY if item != "rich")),
        ):
            rows.append(_imports(name, words, forbidden))
    return rows


def _status(campaign: Path) -> Row:
    """`hpcml status` of a small campaign, and an interpreter that imports what it must, in turn."""
    running.settle()
    bare, times = [], []
    for _ in range(STARTS):
        bare.append(running.command([sys.executable, "-c", BARE]).seconds * 1000)
        times.append(running.hpcml("status", campaign).seconds * 1000)
    return ratio_row(
        "`hpcml status` of 100 units", f"{median(times):.0f} ms", f"`{BARE}`: {median(bare):.0f} ms",
        [a / b for a, b in zip(times, bare, strict=True)], most=2.5,
    )  # fmt: skip


def _imports(name: str, words: list[str], forbidden: tuple[str, ...]) -> Row:
    """Which of the heavy packages a command loads in a fresh process."""
    ran = running.command([sys.executable, "-c", PROBE.format(words=words, heavy=forbidden)])
    lines = ran.out.splitlines()
    if "code 0" not in lines:
        raise running.Failed(ran.out)
    found = next(line for line in lines if line.startswith("found")).split()[1:]
    what = f"heavy packages that `hpcml {name}` imports"
    return Row(what, ", ".join(found) or "none", "", "", "none", "MISSED" if found else "ok")
