#!/usr/bin/env bash
# km3io's best muon track of an event can be a shower.
#
# Versions:  km3io 1.2.6, km3net-testdata 0.4.31, uproot 5.7.7, awkward 2.14.0, numpy 2.4.6; Python 3.11,
#            Linux x86-64
# Guess:     best_jmuon gives the best track of the muon reconstruction (rec_type 4000), and nothing where
#            there is none.
# Seen:      it selects by the stages of the reconstruction (1 to 5 and so on) and does not look at rec_type.
#            In older productions the shower fit aashower (rec_type 101) numbers its stages 1, 2, 3, 4, too.
#            In 3 of 10 events of this simulated file the muon reconstruction found nothing, and the "track"
#            is a shower fit.
# Output:
#     events: 10
#     events with a fit of rec_type 4000: [0, 1, 5, 6, 7, 8, 9]
#     rec_type of best_jmuon: [4000, 4000, 101, 101, 101, 4000, 4000, 4000, 4000, 4000]
# Matters:   direction and length of the muon track are the main variables of a selection of tracks. Events
#            that are showers enter it with the direction of the shower fit. Ask for rec_type before the
#            stages.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile km3io==1.2.6 km3net-testdata==0.4.31 uproot==5.7.7 \
    awkward==2.14.0 numpy==2.4.6

venv/bin/python - <<'EOF'
import sys

import km3io
from km3net_testdata import data_path

name = "offline/mcv5.1.genhen_anumuNC.sirene.jte.jchain.aashower.sample.root"
tracks = km3io.OfflineReader(data_path(name)).tracks
kinds = tracks.rec_type.tolist()
with_muon = [number for number, event in enumerate(kinds) if 4000 in event]
best = km3io.tools.best_jmuon(tracks).rec_type.tolist()
print("events:", len(kinds))
print("events with a fit of rec_type 4000:", with_muon)
print("rec_type of best_jmuon:", best)
sys.exit(not (with_muon == [0, 1, 5, 6, 7, 8, 9] and best.count(101) == 3))
EOF
