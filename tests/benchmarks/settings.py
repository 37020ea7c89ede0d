"""How long the benchmarks go on."""

from __future__ import annotations

import os

ROUNDS = int(os.environ.get("HPCML_BENCH_ROUNDS", "3"))
UNITS = int(os.environ.get("HPCML_BENCH_UNITS", "200000"))
