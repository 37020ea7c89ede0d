#!/usr/bin/env bash
# boost-histogram puts 29, 57 and 58 one bin too low in 100 bins over [0, 100).
#
# Versions:  boost-histogram 1.8.1, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     whole numbers 0 to 99 in 100 bins of width 1 give one entry in each bin, as numpy.histogram
#            does.
# Seen:      the bin is found from (x - low) / (high - low) * bins, and 29 / 100 * 100 is 28.999999999999996
#            in floating point. Bins 28 and 56 hold two entries, 29 and 58 none. The edge that the axis shows
#            for bin 29 is 28.999999999999996, so by its own rule it should hold 29.
# Output:
#     bins without one entry: {28: 2, 29: 0, 56: 2, 58: 0}
#     numpy.histogram: every bin has one entry: True
# Matters:   numbers of hits, lumisections and ADC counts are whole numbers, and axes of width 1 are usual.
#            Combs appear in a spectrum that has none, and a comparison with numpy.histogram fails in a few
#            bins. Use axis.Integer, or shift the edges by one half.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile boost-histogram==1.8.1 numpy==2.4.6

venv/bin/python - <<'EOF'
import sys

import boost_histogram as bh
import numpy as np

numbers = np.arange(100)
histogram = bh.Histogram(bh.axis.Regular(100, 0, 100)).fill(numbers)
counts = histogram.values().astype(int)
wrong = {int(i): int(counts[i]) for i in np.flatnonzero(counts != 1)}
print("bins without one entry:", wrong)
reference, _ = np.histogram(numbers, bins=100, range=(0, 100))
print("numpy.histogram: every bin has one entry:", bool((reference == 1).all()))
sys.exit(wrong != {28: 2, 29: 0, 56: 2, 58: 0})
EOF
