#!/usr/bin/env bash
# pyfive reads zeros from an HDF5 file that has a user block.
#
# Versions:  pyfive 1.3.0, h5py 3.16.0, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     pyfive, the HDF5 reader in pure Python, finds the superblock behind a user block, so it reads
#            the data there, too.
# Seen:      it opens the file and lists the datasets, but it takes the data addresses from the start of the
#            file and not from the end of the user block. A contiguous dataset gives bytes from another
#            place, here zeros, without error. (A chunked dataset raises AssertionError.)
# Output:
#     user block   0: h5py [0.0, 1.0, 2.0, 3.0, 4.0], pyfive [0.0, 1.0, 2.0, 3.0, 4.0]
#     user block 512: h5py [0.0, 1.0, 2.0, 3.0, 4.0], pyfive [0.0, 0.0, 0.0, 0.0, 0.0]
# Matters:   a user block is a normal part of HDF5: MATLAB's .mat files have one of 512 bytes, and tools put
#            headers and checksums there. pyfive is used where the C library cannot be installed, in browsers
#            and behind h5netcdf. Compare one array with h5py or h5dump before such files are given to it.
#            (The sealed files of hpcml have a user block.)
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile pyfive==1.3.0 h5py==3.16.0 numpy==2.4.6

venv/bin/python - <<'EOF'
import sys

import h5py
import numpy as np
import pyfive

seen = {}
for size in (0, 512):
    with h5py.File("table.h5", "w", userblock_size=size) as file:
        file["energy"] = np.arange(5.0)
    with h5py.File("table.h5") as file:
        right = file["energy"][:].tolist()
    with pyfive.File("table.h5") as file:
        seen[size] = file["energy"][:].tolist()
    print(f"user block {size:3}: h5py {right}, pyfive {seen[size]}")
sys.exit(not (seen[0] == right and seen[512] != right))
EOF
