"""Selection and linking of emulsion showers against pandas, and against the size of a real brick."""

from __future__ import annotations

import json
import sys
from statistics import median
from typing import Any

from tests.benchmarks import running
from tests.benchmarks.rows import Row, figure_row, ratio_row


def measure() -> list[Row]:
    rows: list[Row] = []
    for subject in (_small_brick, _published_size, _whole_brick, _forest):
        running.settle()
        rows += subject()
    return rows


def _timed(name: str) -> dict[str, Any]:
    ran = running.command([sys.executable, "-m", "tests.benchmarks.emulsion_timed", name])
    found: dict[str, Any] = json.loads(ran.out.splitlines()[-1])
    return found


def _ratio(what: str, found: dict[str, Any], own: str, other: str, title: str, least: float | None) -> Row:
    ratios = [plain / fast for fast, plain in zip(found[own], found[other], strict=True)]
    figure = f"{median(found[own]) * 1000:.3g} ms"
    return ratio_row(what, figure, f"{title}: {median(found[other]) * 1000:.3g} ms", ratios, least=least)


def _small_brick() -> list[Row]:
    found = _timed("small_brick")
    return [
        _ratio("selection of a shower, 4 x 4 cm, 100 per cm2: speed-up", found, "select", "select pandas",
               "pandas, film by film", 50.0),
        _ratio("linking of its candidates: speed-up", found, "link", "link pandas", "pandas, pair by pair",
        1000.0),
    ]  # fmt: skip


def _published_size() -> list[Row]:
    found = _timed("published_size")
    return [
        figure_row("360 showers at 1,000 per cm2 and film, selected and linked, one core",
                   [found["360 showers"]], "s", most=60.0),
        figure_row("linking a shower of 1,740 candidates", [found["1740"] * 1000], "ms", most=50.0),
        figure_row("... by its twin in NumPy", [found["1740 numpy"] * 1000], "ms", most=50.0),
        figure_row("selection at 2,000 per cm2 and film over that at 1,000", [found["doubling"]], "x"),
    ]  # fmt: skip


def _whole_brick() -> list[Row]:
    found = _timed("whole_brick")
    what = "12.5 x 9.9 cm, 29 films, 10,000 per cm2 and film (36 million base-tracks)"
    return [
        figure_row(f"{what}: sorted and indexed", [found["index"]], "s"),
        figure_row(f"{what}: 360 showers selected by a rank that maps it", [found["scan"]], "s"),
        figure_row(f"{what}: resident memory of that rank", [found["scan peak"] / 1e9], "GB", most=4.0),
    ]


def _forest() -> list[Row]:
    found = _timed("forest")
    return [
        _ratio("500 trees on 100,000 rows, from arrays: speed-up", found, "arrays", "scikit-learn",
               "RandomForestClassifier, one thread", 1.0),
    ]  # fmt: skip
