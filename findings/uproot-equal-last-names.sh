#!/usr/bin/env bash
# arrays() of a KM3NeT summary tree loses 30 of its 83 leaves.
#
# Versions:  uproot 5.7.7, awkward 2.14.0, numpy 2.4.6, km3net-testdata 0.4.31; Python 3.11, Linux x86-64
# Guess:     arrays() without arguments returns every leaf of the tree; equal names are told apart by their
#            branch or refused.
# Seen:      the fields are named by the last part of the path. Of leaves with equal last names one is kept,
#            without warning: 30 of 83 are gone. Which of the two remains is not said in the result.
# Output:
#     leaves: 83, fields of arrays(): 53
#     arrays()["ndoms"] starts with 80
#       sum_hits/ndoms      starts with 80
#       sum_trig_hits/ndoms starts with 41
# Matters:   the DST files of ORCA hold the same quantity for all hits and for triggered hits, and in two
#            sets of features. A classifier trained on arrays() has never seen 30 of its inputs. Read each
#            leaf by its full path.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile uproot==5.7.7 awkward==2.14.0 numpy==2.4.6 \
    km3net-testdata==0.4.31

venv/bin/python - <<'EOF'
import sys

import uproot
from km3net_testdata import data_path

with uproot.open(data_path("dst/orca6_sample.root")) as file:
    tree = file["T"]
    leaves = [name for name in tree.keys() if not tree[name].branches]
    arrays = tree.arrays(library="np")
    print(f"leaves: {len(leaves)}, fields of arrays(): {len(arrays)}")
    kept = arrays["ndoms"][0]
    print(f'arrays()["ndoms"] starts with {kept}')
    first = {name: tree[name].array(library="np")[0] for name in leaves if name.endswith("/ndoms")}
    for name, value in first.items():
        print(f"  {name:19} starts with {value}")
sys.exit(not (len(leaves) == 83 and len(arrays) == 53 and len(set(first.values())) == 2))
EOF
