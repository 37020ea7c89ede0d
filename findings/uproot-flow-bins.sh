#!/usr/bin/env bash
# A category axis makes uproot write zero into all flow bins of the other axes.
#
# Versions:  hist 2.12.1, boost-histogram 1.8.1, uproot 5.7.7, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     underflow and overflow of the pT axis are kept when a histogram of (channel, pT) is written to a
#            ROOT file.
# Seen:      they are written as 0 as soon as one axis lacks a flow bin on one side. A category axis has no
#            underflow. The entry with pT above the range is gone, and so is the number of entries that it
#            counted for.
# Output:
#     in memory:    inside 1.0, with flow bins 3.0
#     in ROOT file: inside 1.0, with flow bins 1.0, entries 1
# Matters:   the overflow bin holds the events of high energy, which searches add to the last bin. After the
#            file it is empty, and the normalisation of the histogram has changed. Fold flow bins in before
#            writing, or give every axis both of them.
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
import uproot

histogram = hist.Hist(hist.axis.StrCategory(["muon", "electron"]), hist.axis.Regular(2, 0.0, 200.0))
histogram.fill(["muon", "muon", "electron"], [50.0, 900.0, -1.0])
with uproot.recreate("pt.root") as file:
    file["pt"] = histogram
with uproot.open("pt.root") as file:
    inside, whole = file["pt"].values().sum(), file["pt"].values(flow=True).sum()
    entries = file["pt"].member("fEntries")
before = histogram.values().sum(), histogram.values(flow=True).sum()
print(f"in memory:    inside {before[0]}, with flow bins {before[1]}")
print(f"in ROOT file: inside {inside}, with flow bins {whole}, entries {entries:g}")
sys.exit(not (before == (1, 3) and (inside, whole) == (1, 1)))
EOF
