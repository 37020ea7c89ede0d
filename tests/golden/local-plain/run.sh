#!/bin/bash
# hpcml: campaign toys, attempt 1: every shard in turn, then the merges
# By hand: bash run.sh
# a shard that ends with 85 was asked to stop: then so was this script
stopped() { [ "$1" = 85 ] && exit 85; return 0; }
trap 'trap - TERM; kill -TERM 0' TERM

/bin/bash /campaigns/toys/submit/attempt-0001/prepare/rank.sh 0
stopped $?
/bin/bash /campaigns/toys/submit/attempt-0001/prepare/rank.sh 1
stopped $?
/bin/bash /campaigns/toys/submit/attempt-0001/prepare/merge.sh || exit $?
/bin/bash /campaigns/toys/submit/attempt-0001/scan/rank.sh 0
stopped $?
/bin/bash /campaigns/toys/submit/attempt-0001/scan/rank.sh 1
stopped $?
/bin/bash /campaigns/toys/submit/attempt-0001/scan/rank.sh 2
stopped $?
/bin/bash /campaigns/toys/submit/attempt-0001/scan/rank.sh 3
stopped $?
/bin/bash /campaigns/toys/submit/attempt-0001/scan/merge.sh || exit $?
