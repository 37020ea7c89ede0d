#!/usr/bin/env bash
# fastjet's soft drop with njets=1 grooms the softest jet of the event.
#
# Versions:  fastjet 3.5.2.0, awkward 2.14.0, vector 1.9.0, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     exclusive_jets_softdrop_grooming(njets=1) grooms the leading jet of the clustered event.
# Seen:      it grooms the exclusive jet: what is left when the clustering is wound back to one jet. For the
#            kt algorithm that is the hardest jet, 498 GeV here; for Cambridge/Aachen and for anti-kt it is
#            the jet that was finished last, here the softest, 30 GeV. FastJet prints a warning on exclusive
#            jets for anti-kt, none for Cambridge/Aachen. (Its banner stands before the output.)
# Output:
#     inclusive anti-kt jets: [498, 448, 30] GeV
#     kt:        groomed jet of 498 GeV
#     cambridge: groomed jet of 30 GeV
#     antikt:    groomed jet of 30 GeV
# Matters:   the groomed mass of the leading jet is a standard variable of jet tagging. The call runs on
#            whole events and gives one plausible mass for each event, of the wrong jet. Cluster first, then
#            give soft drop the constituents of one jet.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile fastjet==3.5.2.0 awkward==2.14.0 vector==1.9.0 \
    numpy==2.4.6

venv/bin/python - 2>fastjet.err <<'EOF' || { cat fastjet.err >&2; exit 1; }
import sys

import awkward as ak
import fastjet
import numpy as np


def particle(pt, eta, phi):
    return {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "E": pt * np.cosh(eta)}


def jet(pt, eta, phi):
    """Two particles that share pt 60 to 40."""
    return [particle(0.6 * pt, eta, phi - 0.08), particle(0.4 * pt, eta, phi + 0.12)]


event = ak.Array([jet(500, 0.0, 0.0) + jet(450, 0.5, 3.0) + jet(30, -1.5, 1.5)], with_name="Momentum4D")
groomed = {}
for name in ("kt", "cambridge", "antikt"):
    definition = fastjet.JetDefinition(getattr(fastjet, f"{name}_algorithm"), 0.8)
    sequence = fastjet.ClusterSequence(event, definition)
    result = sequence.exclusive_jets_softdrop_grooming(njets=1, symmetry_cut=0.1, beta=0.0, R0=0.8)
    groomed[name] = round(float(ak.flatten(result.ptsoftdrop, axis=None)[0]))
jets = sequence.inclusive_jets()
pts = sorted((round(float(pt)) for pt in np.hypot(jets.px, jets.py)[0]), reverse=True)
print(f"inclusive anti-kt jets: {pts} GeV")
for name, pt in groomed.items():
    print(f"{name + ':':10} groomed jet of {pt} GeV")
sys.exit(groomed != {"kt": pts[0], "cambridge": pts[-1], "antikt": pts[-1]})
EOF
