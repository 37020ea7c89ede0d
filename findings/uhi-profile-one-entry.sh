#!/usr/bin/env bash
# A profile that went through uhi's JSON can never use its bins with one entry again.
#
# Versions:  boost-histogram 1.8.1, uhi 1.2.1, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     a profile stored as JSON and read back behaves like the one that was never stored.
# Seen:      the file holds the sample variance, which is NaN for a bin with one entry, and not the sum of
#            squared deviations. Read back, the sum is NaN for ever: after a second entry the variance of
#            that bin is NaN, where the original gives 1.0. Bins with two entries survive. Storing as HDF5
#            does the same.
# Output:
#     after the second entries, never stored: counts [2.0, 3.0], variances [1.0, 1.3333]
#     after the second entries, stored once:  counts [2.0, 3.0], variances [nan, 1.3333]
# Matters:   jobs store their profile and the merge adds them. Thin bins lose their errors for good although
#            they end with hundreds of entries. Store counts, sums and sums of squares instead.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile boost-histogram==1.8.1 uhi==1.2.1 numpy==2.4.6

venv/bin/python - <<'EOF'
import json
import sys

import boost_histogram as bh
import numpy as np
import uhi.io.json

profile = bh.Histogram(bh.axis.Regular(2, 0, 2), storage=bh.storage.Mean())
profile.fill([0.5, 1.5, 1.5], sample=[7.0, 1.0, 3.0])
text = json.dumps(profile, default=uhi.io.json.default)
stored = bh.Histogram(json.loads(text, object_hook=uhi.io.json.object_hook))

variances = []
for name, histogram in (("never stored:", profile), ("stored once: ", stored)):
    histogram.fill([0.5, 1.5], sample=[9.0, 5.0])
    variances.append(histogram.variances())
    print(
        f"after the second entries, {name} counts {histogram.counts().tolist()},"
        f" variances {np.round(variances[-1], 4).tolist()}"
    )
good, bad = variances
sys.exit(not (np.allclose(good, [1, 4 / 3]) and np.isnan(bad[0]) and np.isclose(bad[1], 4 / 3)))
EOF
