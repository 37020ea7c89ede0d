#!/usr/bin/env bash
# uproot ignores a cut on an RNTuple, and returns unknown names as nothing.
#
# Versions:  uproot 5.7.7, awkward 2.14.0, numpy 2.4.6; Python 3.11, Linux x86-64
# Guess:     arrays(["lik", "E"], cut="lik > 40") gives the same rows for a TTree and for an RNTuple, or
#            raises.
# Seen:      on the TTree two rows pass. On the RNTuple all three come back, the columns in the order of the
#            file. A name that does not exist is left out, where the TTree raises KeyInFileError. The
#            docstring says "not implemented yet"; the call says nothing. Note that file["t"] = {...} writes
#            an RNTuple in this version; mktree writes a TTree.
# Output:
#     TTree:   lik > 40 keeps [50.0, 70.0]; unknown name: KeyInFileError
#     RNTuple: lik > 40 keeps [1.0, 50.0, 70.0]; unknown name: no error, fields ['lik']
# Matters:   the experiments move from TTree to RNTuple, and analysis code moves with them unchanged. The
#            quality cut is then gone, and the selected sample is the whole file. Cut on the arrays after
#            reading, and compare the fields with what was asked.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile uproot==5.7.7 awkward==2.14.0 numpy==2.4.6

venv/bin/python - <<'EOF'
import sys

import numpy as np
import uproot

columns = {"E": np.array([3.0, 4.0, 5.0]), "lik": np.array([1.0, 50.0, 70.0])}
with uproot.recreate("events.root") as file:
    file.mktree("tree", {name: "f8" for name in columns}).extend(columns)
    file["ntuple"] = columns

kept = {}
with uproot.open("events.root") as file:
    for label, name in (("TTree:  ", "tree"), ("RNTuple:", "ntuple")):
        kept[name] = file[name].arrays(["lik", "E"], cut="lik > 40")["lik"].tolist()
        try:
            unknown = f"no error, fields {file[name].arrays(['lik', 'likelihood']).fields}"
        except Exception as error:
            unknown = type(error).__name__
        print(f"{label} lik > 40 keeps {kept[name]}; unknown name: {unknown}")
sys.exit(not (kept["tree"] == [50, 70] and kept["ntuple"] == [1, 50, 70]))
EOF
