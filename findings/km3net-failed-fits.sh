#!/usr/bin/env bash
# KM3NeT files store a failed shower fit like a good one, with E = 0.682 GeV.
#
# Versions:  km3io 1.2.6, km3net-testdata 0.4.31, uproot 5.7.7, awkward 2.14.0, numpy 2.4.6; Python 3.11,
#            Linux x86-64
# Guess:     a shower fit that failed is absent from the file, or has NaN, or a flag.
# Seen:      it is stored complete: position, direction, time and energy are finite, the likelihood is
#            exactly 0 and the energy always the same 0.6822799773 GeV. In this simulated file 5 of 30 events
#            have such a fit as their best shower, and 1 has no shower.
# Output:
#     events: 30, without shower: 1
#     best shower with likelihood 0: events [1, 14, 26, 28, 29], energies [0.6822799773168375]
#     position, direction, time and energy of these are finite: True
# Matters:   a cut on NaN keeps these events, and the energy spectrum has a peak at 0.68 GeV that looks like
#            a threshold. A classifier learns the constant. Take likelihood 0 as "no fit".
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile km3io==1.2.6 km3net-testdata==0.4.31 uproot==5.7.7 \
    awkward==2.14.0 numpy==2.4.6

venv/bin/python - <<'EOF'
import math
import sys

import km3io
from km3net_testdata import data_path

name = (
    "offline/KM3NeT_00000049_00011291.mc.gsg_neutrinos.km3sim_sirene_merged.jterbr."
    "jppmuon_jppshower_static.offline.v9.2.sample.root"
)
best = km3io.tools.best_jshower(km3io.OfflineReader(data_path(name)).tracks)
likelihood, energy = best.lik.tolist(), best.E.tolist()
failed = [number for number, value in enumerate(likelihood) if value == 0]
energies = {energy[number] for number in failed}
fields = ("pos_x", "pos_y", "pos_z", "dir_x", "dir_y", "dir_z", "t", "E")
finite = all(math.isfinite(getattr(best, field).tolist()[number]) for field in fields for number in failed)
print(f"events: {len(energy)}, without shower: {likelihood.count(None)}")
print(f"best shower with likelihood 0: events {failed}, energies {sorted(energies)}")
print("position, direction, time and energy of these are finite:", finite)
sys.exit(not (finite and failed == [1, 14, 26, 28, 29] and len(energies) == 1))
EOF
