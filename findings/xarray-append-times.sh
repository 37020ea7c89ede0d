#!/usr/bin/env bash
# Times that xarray appends to a Zarr store are read back years later.
#
# Versions:  xarray 2026.9.0, zarr 3.1.6, pandas 3.1.1, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     times appended with append_dim are stored in the unit of the store, or refused if they do not
#            fit.
# Seen:      the first write fixes "days since 2020-01-01" as int64. The appended time does not fit, so it is
#            encoded in minutes, and the number of minutes is read as days: 3 January 2020 12:34 becomes 13
#            December 2029. A warning says that minutes are used; the store still says days. Durations do the
#            same: 90 minutes become 90 days.
# Output:
#     appended 2020-01-03T12:34, read back 2029-12-13T00:00 in days since 2020-01-01 00:00:00
#     appended 90 minutes, read back 129600 minutes
# Matters:   slow control, dosimetry and run lists are appended part by part, and the first part is often a
#            list of whole days. Set encoding={"time": {"units": ...}} at the first write, fine enough for
#            all later parts.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile xarray==2026.9.0 zarr==3.1.6 pandas==3.1.1 numpy==2.4.6

venv/bin/python - <<'EOF'
import sys
import warnings

import numpy as np
import pandas as pd
import xarray as xr

warnings.simplefilter("ignore")


def days(store, *times):
    xr.Dataset({"dose": ("time", np.ones(len(times)))}, coords={"time": pd.to_datetime(list(times))}).to_zarr(
        "days.zarr", **store
    )


def waits(store, *times):
    xr.Dataset({"wait": ("time", pd.to_timedelta(list(times)))}).to_zarr("waits.zarr", **store)


days({}, "2020-01-01", "2020-01-02")
days({"append_dim": "time"}, "2020-01-03 12:34")
time = xr.open_zarr("days.zarr")["time"]
back = str(time.values[-1].astype("M8[m]"))
print(f"appended 2020-01-03T12:34, read back {back} in {time.encoding['units']}")

waits({}, "1D", "2D")
waits({"append_dim": "time"}, "90min")
wait = xr.open_zarr("waits.zarr", decode_timedelta=True)["wait"].values[-1] / np.timedelta64(1, "m")
print(f"appended 90 minutes, read back {wait:g} minutes")
sys.exit(not (back == "2029-12-13T00:00" and wait == 90 * 24 * 60))
EOF
