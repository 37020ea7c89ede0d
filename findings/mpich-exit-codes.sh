#!/usr/bin/env bash
# mpiexec of MPICH joins the exit codes of the ranks bit by bit: 85 and 2 give 87.
#
# Versions:  mpi4py 4.1.2, mpich 5.0.2 (wheel); Python 3.11, Linux x86-64
# Guess:     mpiexec ends with the exit code of one of the ranks: the first that failed, or the largest.
# Seen:      it ends with the bitwise OR of all of them, so it can be a code that no rank gave. And a rank
#            that calls Abort(256) ends the whole run with 0: only the lowest byte counts.
# Output:
#     ranks end with 1 and 2: mpiexec ends with 3
#     ranks end with 85 and 2: mpiexec ends with 87
#     a rank calls Abort(256): mpiexec ends with 0
# Matters:   batch systems decide by this code whether a job is tried again: HTCondor's checkpoint code is
#            85, and retry rules name single codes. One rank that was interrupted beside one that failed
#            gives 87, which no rule knows. Let one rank decide the code for all.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile mpi4py==4.1.2 mpich==5.0.2

cat >ends.py <<'EOF'
import sys

from mpi4py import MPI

codes = [int(code) for code in sys.argv[1:]]
mine = codes[MPI.COMM_WORLD.rank]
MPI.COMM_WORLD.Barrier()
if mine >= 256:
    MPI.COMM_WORLD.Abort(mine)
MPI.Finalize()
sys.exit(mine)
EOF
same=0
run() { # code of rank 0, of rank 1, recorded code of mpiexec
    local code=0
    venv/bin/mpiexec -n 2 venv/bin/python ends.py "$1" "$2" >/dev/null 2>&1 || code=$?
    if [ "$2" -lt 256 ]; then
        echo "ranks end with $1 and $2: mpiexec ends with $code"
    else
        echo "a rank calls Abort($2): mpiexec ends with $code"
    fi
    [ "$code" = "$3" ] || same=1
}
run 1 2 3
run 85 2 87
run 0 256 0
exit $same
