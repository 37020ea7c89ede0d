"""bin/bench [subjects]: run benchmarks, then print one table of all they found."""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from hpcml.errors import nearest
from tests.benchmarks.rows import Row, machine, table
from tests.benchmarks.running import others

SUBJECTS = ("units", "merging", "wide", "missing", "starting", "clusters", "jets", "emulsion")


def main(names: list[str]) -> int:
    for name in names:
        if name not in SUBJECTS:
            print(f"no benchmark {name!r}. {nearest(name, list(SUBJECTS))} Known: {', '.join(SUBJECTS)}",
                  file=sys.stderr)  # fmt: skip
            return 2
    rows: list[Row] = []
    for name in names or SUBJECTS:
        print(f"{name} ...", file=sys.stderr)
        rows += importlib.import_module(f"tests.benchmarks.{name}").measure()
    print(time.strftime("date: %Y-%m-%d %H:%M UTC", time.gmtime()))
    for line in machine(Path(tempfile.gettempdir())):
        print(line)
    if others:
        cores = f"{median(others):.1f} cores (median), {max(others):.1f} (most)"
        print(f"others on this machine, during {len(others)} runs: {cores}")
    print()
    for line in table(rows):
        print(line)
    return 1 if any(row.verdict == "MISSED" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
