#!/usr/bin/env bash
# HDF5 shows values before its lossy filter until the file is opened again.
#
# Versions:  h5py 3.16.0, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     what is read from a dataset right after writing is what is in the file.
# Seen:      the chunk cache holds the values as they were given. The scale-offset filter runs when the chunk
#            leaves the cache, so a check in the same open file passes with a difference of 0. After opening
#            again the values differ.
# Output:
#     written:      [0.0, 1.26, 2.0, 3.14159]
#     same file:    [0.0, 1.26, 2.0, 3.14159]
#     opened again: [0.0, 1.26, 1.96, 3.16]
# Matters:   waveforms and hit times are often stored with a lossy filter, and a read-back check is the usual
#            proof that the precision is enough. The proof is worth nothing unless the file was closed
#            between writing and reading. Note the size of the error, too: scaleoffset=1 moved 2.0 to 1.96.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile h5py==3.16.0 numpy==2.4.6

venv/bin/python - <<'EOF'
import sys

import h5py
import numpy as np

written = np.array([0.0, 1.26, 2.0, 3.14159])
with h5py.File("hits.h5", "w") as file:
    dataset = file.create_dataset("time", data=written, chunks=(4,), scaleoffset=1)  # one decimal
    same = dataset[:]
with h5py.File("hits.h5") as file:
    again = file["time"][:]
print("written:     ", written.tolist())
print("same file:   ", same.tolist())
print("opened again:", np.round(again, 6).tolist())
sys.exit(not (np.array_equal(same, written) and 0.03 < abs(again - written).max() < 0.05))
EOF
