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

# the site's own lines
module purge
module load OpenMPI/5

export OMP_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export MKL_NUM_THREADS=1
export NUMEXPR_NUM_THREADS=1
export NUMBA_NUM_THREADS=1
export BLIS_NUM_THREADS=1
export VECLIB_MAXIMUM_THREADS=1
export HDF5_USE_FILE_LOCKING=FALSE
export OPENBLAS_CORETYPE=Haswell
export HOME="${HOME:-${TMPDIR:-/tmp}}"
export TOY_TEXT='it'"'"'s $HOME 100%'

/opt/hpcml/bin/python -m hpcml merge /campaigns/toys --step scan
code=$?
# what another try can change (time, memory, a lost node, preemption) is tried again, a few times
if [ "$code" = 3 ]; then
    /opt/hpcml/bin/python -m hpcml resume /campaigns/toys --automatic 1
    goes_on=$?  # 85: a later attempt is under way
fi
# the campaign has ended: one message. Not while a later attempt is under way, whose last merge sends it
if [ "${goes_on:-0}" != 85 ]; then
HPCML_CAMPAIGN=toys HPCML_DIR=/campaigns/toys HPCML_EXIT_CODE=$code \
    /bin/sh -c 'echo "ended with $HPCML_EXIT_CODE"' || printf 'hpcml: the notify command failed\n'
fi
exit "$code"
