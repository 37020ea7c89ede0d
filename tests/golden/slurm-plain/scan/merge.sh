#!/bin/bash
# hpcml: merge of step scan, campaign toys, attempt 1
# By hand: bash merge.sh
#
# exit code  0  merged
#            2  the job file or the command line is wrong
#            3  units failed or are missing: `hpcml resume`, which merges again
#            5  integrity: a part is corrupt or contradicts another
# not $HOSTNAME, which a job inherits from the login node
read -r host </proc/sys/kernel/hostname
printf 'hpcml: merge of step %s attempt %s on %s, %(%F %T)T\n' \
    scan 1 "$host" -1

export OMP_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export MKL_NUM_THREADS=1
export NUMEXPR_NUM_THREADS=1
export NUMBA_NUM_THREADS=1
export BLIS_NUM_THREADS=1
export VECLIB_MAXIMUM_THREADS=1
export HDF5_USE_FILE_LOCKING=FALSE
export HOME="${HOME:-${TMPDIR:-/tmp}}"

/opt/hpcml/bin/python -m hpcml merge /campaigns/toys --step scan
code=$?
# what another try can change (time, memory, a lost node, preemption) is tried again, a few times
if [ "$code" = 3 ]; then
    /opt/hpcml/bin/python -m hpcml resume /campaigns/toys --automatic 1
    goes_on=$?  # 85: a later attempt is under way
fi
exit "$code"
