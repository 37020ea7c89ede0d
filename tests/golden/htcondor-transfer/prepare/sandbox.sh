#!/bin/bash
# hpcml: what the shards of step prepare take with them, campaign toys, attempt 1
# By hand, on the access point and before condor_submit array.sub: bash sandbox.sh
exec >>/campaigns/toys/submit/attempt-0001/prepare/logs/sandbox.log 2>&1

export OMP_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export MKL_NUM_THREADS=1
export NUMEXPR_NUM_THREADS=1
export NUMBA_NUM_THREADS=1
export BLIS_NUM_THREADS=1
export VECLIB_MAXIMUM_THREADS=1
export HDF5_USE_FILE_LOCKING=FALSE
export HOME="${HOME:-${TMPDIR:-/tmp}}"

exec /opt/hpcml/bin/python -m hpcml sandbox /campaigns/toys --step prepare --attempt 1
