#!/usr/bin/env bash
# pyhf's upper limit ignores the level unless a scan is given.
#
# Versions:  pyhf 0.7.6, numpy 2.4.6, scipy 1.17.1; Python 3.11, Linux x86-64
# Guess:     upper_limit(data, model, level=0.32) gives the 68 % limit, which is smaller than the 95 % limit.
# Seen:      without a scan the level is not passed on: levels 0.05, 0.10 and 0.32 all give the 95 % limit.
#            With a scan they differ. And a scan that ends below the limit gives its own end as the limit.
# Output:
#     level 0.05: without scan 3.942, with scan 3.943
#     level 0.10: without scan 3.942, with scan 3.299
#     level 0.32: without scan 3.942, with scan 1.985
#     level 0.05, scan up to 2: 2.000
# Matters:   limits at 90 % are usual in neutrino and dark matter searches, at 95 % at colliders. A 90 %
#            limit from this call is a 95 % limit, here 20 % larger. Give a scan, and check that the limit
#            lies inside it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile pyhf==0.7.6 numpy==2.4.6 scipy==1.17.1

venv/bin/python - <<'EOF'
import sys

import numpy as np
import pyhf
from pyhf.infer.intervals.upper_limits import upper_limit

model = pyhf.simplemodels.uncorrelated_background(signal=[5.0], bkg=[50.0], bkg_uncertainty=[7.0])
data = [50.0, *model.config.auxdata]


def limit(level, scan=None):
    return float(upper_limit(data, model, scan=scan, level=level)[0])


free, scanned = [], []
for level in (0.05, 0.10, 0.32):
    free.append(limit(level))
    scanned.append(limit(level, np.linspace(0, 10, 101)))
    print(f"level {level:.2f}: without scan {free[-1]:.3f}, with scan {scanned[-1]:.3f}")
short = limit(0.05, np.linspace(0, 2, 21))
print(f"level 0.05, scan up to 2: {short:.3f}")
sys.exit(not (len(set(free)) == 1 and scanned[2] < 0.6 * scanned[0] and short == 2.0))
EOF
