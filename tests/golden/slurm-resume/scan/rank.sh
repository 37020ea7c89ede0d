#!/bin/bash
# hpcml: one shard of step scan, campaign toys, attempt 2
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
restarts=${SLURM_RESTART_COUNT:-0}
# `--export=NONE` of sbatch must not keep srun from handing on what is exported below
export SLURM_EXPORT_ENV=ALL

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
    scan "$shard" 2 "$restarts" "$host" -1

export OMP_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export MKL_NUM_THREADS=1
export NUMEXPR_NUM_THREADS=1
export NUMBA_NUM_THREADS=1
export BLIS_NUM_THREADS=1
export VECLIB_MAXIMUM_THREADS=1
export HDF5_USE_FILE_LOCKING=FALSE
export HOME="${HOME:-${TMPDIR:-/tmp}}"

# Open MPI refuses root, and more ranks than cores, unless it is asked; MPICH reads none of this
if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export PRTE_MCA_rmaps_default_mapping_policy="${PRTE_MCA_rmaps_default_mapping_policy-:oversubscribe}"
export PRTE_MCA_hwloc_default_binding_policy="${PRTE_MCA_hwloc_default_binding_policy-none}"
export OMPI_MCA_osc="${OMPI_MCA_osc-^ucx}"

# A shard that starts is claimed here. A job whose own shard ended at once claims shards that no other has:
# their own jobs then have nothing to do, and start no Python. (What is done is in the parts, not here.)
claims=/campaigns/toys/submit/attempt-0002/scan/claims
mkdir -p "$claims"
if ! (set -C; echo "$shard" >"$claims/$shard") 2>/dev/null && [ -e "$claims/$shard" ]; then
    by=
    read -r by <"$claims/$shard"
    # its units take a second; if they do not come, this job computes what is missing
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        if [ "$by" = "$shard" ] || [ "$asked" = 1 ] || [ -e "$claims/$shard.done" ]; then break; fi
        sleep 1
    done
    if [ "$by" != "$shard" ] && [ -e "$claims/$shard.done" ]; then
        printf 'hpcml: step %s shard %s was claimed by the job of shard %s: ends with exit code 0\n' \
            scan "$shard" "$by"
        exit 0
    fi
fi

command=(
    mpiexec -n 2
    /opt/hpcml/bin/python -m hpcml work /campaigns/toys
    --step scan --shard "$shard" --ranks 2 --attempt 2
    --claims "$claims"
)
# a launcher has codes of its own for a Python that is not there; without it that is 127
if ! command -v /opt/hpcml/bin/python >/dev/null; then command=(/opt/hpcml/bin/python); fi

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
    scan "$shard" "$code" -1
# Interrupted in good order: back into the queue under the same id. Where scontrol is not installed on
# the nodes, exit code 85 is all that is left of it, and `hpcml resume` submits the shard again.
# Never by SLURM_JOB_ID: one task of an array has the id of the array, and would requeue all its siblings.
if [ "$code" = 85 ] && [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    if [ "$restarts" -ge 20 ]; then
        printf 'hpcml: restarted %s times already (max_restarts), not again by itself\n' "$restarts"
    else
        # printed before it is done: SLURM ends this script while scontrol is still answering
        printf 'hpcml: asks to be requeued\n'
        command -v scontrol >/dev/null && timeout 60 scontrol requeue "$task" ||
            printf 'hpcml: could not requeue from here; hpcml resume %s will\n' /campaigns/toys
    fi
fi
exit "$code"
