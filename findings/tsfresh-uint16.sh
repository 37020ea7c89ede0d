#!/usr/bin/env bash
# tsfresh computes in the type of the ADC: a pulse in uint16 has wrong features.
#
# Versions:  tsfresh 0.21.2, pandas 3.1.1, numpy 2.4.6, scipy 1.17.1, statsmodels 0.15.0, pywavelets 1.9.0;
#            Python 3.11, Linux x86-64
# Guess:     features are computed in float64, so the type of the samples does not matter.
# Seen:      differences and squares are taken in uint16 and wrap around at 65,536, without warning. The mean
#            step between two samples is 32,932 counts instead of 57. Of 777 features 90 are wrong.
# Output:
#     features that differ between uint16 and float64: 90 of 777
#     abs_energy         51940 instead of 51306285796
#     mean_abs_change    32932.3 instead of 57.2
#     root_mean_square   174.4 instead of 16016.6
# Matters:   digitizers deliver unsigned 16-bit counts, and transients of radiation tests are stored so.
#            Feature selection then runs on numbers that have little to do with the pulse, and finds some of
#            them relevant. Convert to float64 before extraction.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile tsfresh==0.21.2 pandas==3.1.1 numpy==2.4.6 scipy==1.17.1 \
    statsmodels==0.15.0 pywavelets==1.9.0

venv/bin/python - <<'EOF'
import sys

import numpy as np
import pandas as pd
from tsfresh import extract_features
from tsfresh.feature_extraction import EfficientFCParameters

rng = np.random.default_rng(1)
pulse = 16000 + 50 * rng.normal(size=200)  # baseline with noise
pulse[100:110] += 400
frame = pd.DataFrame({"id": 0, "time": np.arange(200), "adc": np.round(pulse).astype("uint16")})
features = [
    extract_features(
        frame.assign(adc=frame["adc"].astype(kind)),
        column_id="id",
        column_sort="time",
        default_fc_parameters=EfficientFCParameters(),
        disable_progressbar=True,
        n_jobs=0,
    ).iloc[0]
    for kind in ("uint16", "float64")
]
counts, right = features
differ = ~np.isclose(counts, right, rtol=1e-6, equal_nan=True)
print(f"features that differ between uint16 and float64: {differ.sum()} of {len(right)}")
for name, digits in (("abs_energy", 0), ("mean_abs_change", 1), ("root_mean_square", 1)):
    values = [f"{feature['adc__' + name]:.{digits}f}" for feature in features]
    print(f"{name:18} {values[0]} instead of {values[1]}")
sys.exit(not (differ.sum() > 50 and counts["adc__mean_abs_change"] > 100 * right["adc__mean_abs_change"]))
EOF
