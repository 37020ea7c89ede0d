#!/usr/bin/env bash
# In numba a 64-bit hash modulo a literal is wrong for half of all hashes.
#
# Versions:  numba 0.68.1, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     h % 6 of an unsigned 64-bit integer h is the same in a compiled function, in NumPy and in
#            Python.
# Seen:      numba types the literal as a signed integer and the result of uint64 and int64 as int64. From
#            2**63 on the hash is taken as a negative number: (2**63) % 6 gives 4 and not 2. With
#            np.uint64(6) it is right. (Powers of two are right either way.)
# Output:
#              h: compiled h % 6, with np.uint64(6), right
#        2**63-1: 1, 1, 1
#        2**63+0: 4, 2, 2
#        2**64-1: 5, 3, 3
# Matters:   hashes of (run, event) divide events into training and test samples, and into folds. The
#            compiled loop puts half of the events into another fold than the NumPy code beside it does, so
#            events that were trained on are tested on. Give the modulus the type of the hash.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile numba==0.68.1 numpy==2.4.6

venv/bin/python - <<'EOF'
import sys

import numba
import numpy as np


@numba.njit
def literal(key):
    return key % 6


@numba.njit
def typed(key):
    return key % np.uint64(6)


print("         h: compiled h % 6, with np.uint64(6), right")
rows = []
for name, value in (("2**63-1", 2**63 - 1), ("2**63+0", 2**63), ("2**64-1", 2**64 - 1)):
    key = np.uint64(value)
    rows.append((int(literal(key)), int(typed(key)), value % 6))
    print(f"{name:>10}: {rows[-1][0]}, {rows[-1][1]}, {rows[-1][2]}")
sys.exit(rows != [(1, 1, 1), (4, 2, 2), (5, 3, 3)])
EOF
