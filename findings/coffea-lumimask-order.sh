#!/usr/bin/env bash
# coffea's LumiMask keeps 50 of 151 good lumisections when ranges are not in order.
#
# Versions:  coffea 2026.9.0, numba 0.68.1, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     the ranges of a run in a list of good lumisections ("golden JSON") are a set: their order does
#            not matter.
# Seen:      LumiMask looks up each lumisection by bisection and needs ranges that are sorted and do not
#            overlap. It does not sort them, and says nothing: [[100, 200], [1, 50]] keeps 1 to 50 only, and
#            [[1, 100], [20, 30]] keeps 30 of 100.
# Output:
#     [[1, 50], [100, 200]]: 151 lumisections, right is 151
#     [[100, 200], [1, 50]]: 50 lumisections, right is 151
#     [[1, 100], [20, 30]]: 30 lumisections, right is 100
# Matters:   lists that are put together by hand or by a script, as the union of two certifications, have
#            such ranges. Good events are lost without a word. Sort and merge the ranges first.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile coffea==2026.9.0 numba==0.68.1 numpy==2.4.6

venv/bin/python - <<'EOF'
import json
import sys
from pathlib import Path

import numpy as np
from coffea.lumi_tools import LumiMask

lumisections = np.arange(1, 301, dtype="u4")
runs = np.full(300, 297050, dtype="u4")
kept = []
for ranges in ([[1, 50], [100, 200]], [[100, 200], [1, 50]], [[1, 100], [20, 30]]):
    Path("good.json").write_text(json.dumps({"297050": ranges}))
    kept.append(int(LumiMask("good.json")(runs, lumisections).sum()))
    right = len({n for low, high in ranges for n in range(low, high + 1)})
    print(f"{ranges}: {kept[-1]} lumisections, right is {right}")
sys.exit(kept != [151, 50, 30])
EOF
