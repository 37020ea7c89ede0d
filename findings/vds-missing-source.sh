#!/usr/bin/env bash
# A virtual HDF5 dataset reads zeros where a source file is gone.
#
# Versions:  h5py 3.16.0, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     a virtual dataset over several files raises an error when one of the files has been moved away.
# Seen:      the rows of the missing file are read as the fill value, 0, without error or warning. HDF5 means
#            it so; is_virtual is True, and virtual_sources() still names the file. A look at the values
#            shows nothing.
# Output:
#     values: [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
#     sources named: ['part1.h5', 'part2.h5']; part2.h5 exists: False
# Matters:   one virtual table over the parts of a campaign is a common way to avoid copying. After a
#            clean-up of a scratch disk an energy spectrum has a peak at 0 and every mean is too small. Check
#            that the sources exist, or give the layout a fill value that no detector can produce.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile h5py==3.16.0 numpy==2.4.6

venv/bin/python - <<'EOF'
import os
import sys

import h5py
import numpy as np

layout = h5py.VirtualLayout(shape=(6,), dtype="f8")
for number in (1, 2):
    with h5py.File(f"part{number}.h5", "w") as file:
        file["energy"] = np.full(3, float(number))
    layout[3 * number - 3 : 3 * number] = h5py.VirtualSource(f"part{number}.h5", "energy", shape=(3,))
with h5py.File("all.h5", "w") as file:
    file.create_virtual_dataset("energy", layout)

os.remove("part2.h5")
with h5py.File("all.h5") as file:
    values = file["energy"][:].tolist()
    sources = [source.file_name for source in file["energy"].virtual_sources()]
print("values:", values)
print(f"sources named: {sources}; part2.h5 exists: {os.path.exists('part2.h5')}")
sys.exit(values != [1, 1, 1, 0, 0, 0])
EOF
