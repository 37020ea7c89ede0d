#!/bin/bash
# hpcml: one shard of step prepare, campaign toys, attempt 1
# By hand: bash rank.sh SHARD
#
# exit code  0  the shard is done
#            1  a bug of hpcml
#            2  the job file or the command line is wrong
#            3  units failed or are missing: resumable
#            5  integrity: a part is corrupt or contradicts another
#           85  interrupted in good order, come back
#          127  no Python or no launcher on this machine
#        128+n  ended by signal n
shard=${1:?which shard? usage: bash rank.sh SHARD}
restarts=0

# TERM becomes USR1: Open MPI kills its ranks 0.2 s after mpiexec gets TERM, and every launcher hands USR1
# on to the ranks. Bash runs a trap between two commands, or inside `wait`.
asked=0 pending=0 child=
stop() {
    asked=1 pending=1
    if [ -n "$child" ]; then kill -USR1 "$child" 2>/dev/null; fi
}
trap stop USR1 TERM INT
# not $HOSTNAME, which a job inherits from the login node
read -r host </proc/sys/kernel/hostname
printf 'hpcml: step %s shard %s attempt %s restart %s on %s, %(%F %T)T\n' \
    prepare "$shard" 1 "$restarts" "$host" -1

export OMP_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export MKL_NUM_THREADS=1
export NUMEXPR_NUM_THREADS=1
export NUMBA_NUM_THREADS=1
export BLIS_NUM_THREADS=1
export VECLIB_MAXIMUM_THREADS=1
export HDF5_USE_FILE_LOCKING=FALSE
export HOME="${HOME:-${TMPDIR:-/tmp}}"


command=(
    /opt/hpcml/bin/python -m hpcml work /campaigns/toys
    --step prepare --shard "$shard" --ranks 1 --attempt 1
)

"${command[@]}" &
child=$!
if [ "$asked" = 1 ]; then kill -USR1 "$child" 2>/dev/null; fi
while :; do
    pending=0
    wait "$child"
    code=$?
    # a trap ends `wait` early: then this code is not the child's
    [ "$pending" = 1 ] || break
done
trap - USR1 TERM INT
# MPICH's mpiexec exits with the bare number of the signal that ended a rank; no exit code of hpcml is one
case $code in [6-9]|1[0-5]) code=$((128 + code)) ;; esac
# asked to stop before Python could listen: nothing was started, so nothing is lost
case $asked$code in 1138|1143) code=85 ;; esac
printf 'hpcml: step %s shard %s ends with exit code %s, %(%F %T)T\n' \
    prepare "$shard" "$code" -1
exit "$code"
