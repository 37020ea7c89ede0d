#!/usr/bin/env bash
# awkward sorts NaN to the front in both directions, where NumPy has it at the end.
#
# Versions:  awkward 2.14.0, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     ak.sort puts NaN at the end, as numpy.sort does, or at least at opposite ends for the two
#            directions. ak.max of a list with NaN is NaN, as numpy.max is.
# Seen:      NaN stands first in both directions, in sort and in argsort. ak.max leaves NaN out.
# Output:
#     awkward ascending:  [nan, 1.0, 2.0]
#     awkward descending: [nan, 2.0, 1.0]
#     numpy ascending:    [1.0, 2.0, nan]
#     awkward max 2.0, numpy max nan
# Matters:   the leading jet or the best track is [:, 0] of a descending sort. One failed fit with NaN in an
#            event makes the failed fit the best one. The same array in NumPy gives another answer. Mask NaN
#            before sorting.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile awkward==2.14.0 numpy==2.4.6

venv/bin/python - <<'EOF'
import sys

import awkward as ak
import numpy as np

event = ak.Array([[2.0, np.nan, 1.0]])
up = ak.sort(event)[0].tolist()
down = ak.sort(event, ascending=False)[0].tolist()
flat = np.sort(event[0].to_numpy()).tolist()
largest = float(ak.max(event, axis=1)[0]), float(np.max(event[0].to_numpy()))
print("awkward ascending: ", up)
print("awkward descending:", down)
print("numpy ascending:   ", flat)
print(f"awkward max {largest[0]}, numpy max {largest[1]}")
seen = str((up, down, flat, largest))
sys.exit(seen != "([nan, 1.0, 2.0], [nan, 2.0, 1.0], [1.0, 2.0, nan], (2.0, nan))")
EOF
