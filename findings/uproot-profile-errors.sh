#!/usr/bin/env bash
# A profile has other errors in hist than in the ROOT file that it is written to.
#
# Versions:  hist 2.12.1, boost-histogram 1.8.1, uproot 5.7.7, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     variances() of a profile are the same before and after writing it with uproot.
# Seen:      hist divides the sum of squared deviations by n - 1, and by n again for the mean; the profile of
#            ROOT (TProfile) divides by n twice. With two entries the variance is half as large. A bin with
#            one entry has NaN in hist, and uproot gives exactly 0 for the TProfile. No value is lost:
#            to_hist() gives the numbers of hist again.
# Output:
#     hist:     means [2.5, 0.5], variances [0.25, nan]
#     TProfile: means [2.5, 0.5], variances [0.125, 0.0]
# Matters:   profiles of calibration and of detector response have thin bins at their ends. In a fit weighted
#            with 1/variance the same bin counts nothing, double, or without limit, depending on which side
#            of the file one stands. Say which convention is meant.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile hist==2.12.1 boost-histogram==1.8.1 uproot==5.7.7 \
    numpy==2.4.6

venv/bin/python - <<'EOF'
import sys

import hist
import numpy as np
import uproot

profile = hist.Hist(hist.axis.Regular(2, 0.0, 2.0), storage=hist.storage.Mean())
profile.fill([0.5, 0.5, 1.5], sample=[2.0, 3.0, 0.5])
with uproot.recreate("profile.root") as file:
    file["profile"] = profile
with uproot.open("profile.root") as file:
    stored = file["profile"]
    kind, means, variances = stored.classname, stored.values(), stored.variances()
    back = stored.to_hist().variances()
print(f"hist:     means {profile.values().tolist()}, variances {profile.variances().tolist()}")
print(f"{kind}: means {means.tolist()}, variances {np.round(variances, 4).tolist()}")
same = np.allclose(variances, [0.125, 0.0]) and np.allclose(back, [0.25, np.nan], equal_nan=True)
sys.exit(not (same and np.allclose(profile.variances(), [0.25, np.nan], equal_nan=True)))
EOF
