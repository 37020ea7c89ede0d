#!/usr/bin/env bash
# class_weight of a random forest means another forest since scikit-learn 1.9.
#
# Versions:  scikit-learn 1.8.0 and 1.9.1, numpy 2.4.6, scipy 1.17.1; Python 3.11, Linux x86-64
# Guess:     the same random_state gives the same forest in two neighbouring versions, or nearly the same.
# Seen:      up to 1.8 each tree draws rows uniformly and multiplies them by the weight of their class; from
#            1.9 on the rows are drawn in proportion to the weight. Without class_weight the predictions are
#            equal, and weight 100 for the signal calls ten times as many events signal in 1.9.1.
# Output:
#     1.8.0: no weights 173 events called signal (purity 0.50), weight 100: 141 (purity 0.52)
#     1.9.1: no weights 173 events called signal (purity 0.50), weight 100: 1487 (purity 0.20)
# Matters:   signal is rare in this field, so class weights are the rule. After an update a selection at the
#            same cut has another purity and another efficiency, with no error and no warning. Record the
#            version of scikit-learn beside every forest.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >forest.py <<'EOF'
import json

import numpy as np
from sklearn.ensemble import RandomForestClassifier


def sample(rng):
    """4,000 events, a tenth of them signal that two of four features tell weakly."""
    signal = (rng.random(4000) < 0.1).astype(int)
    features = rng.normal(size=(4000, 4))
    features[:, 0] += 1.2 * signal
    features[:, 1] += 0.5 * signal
    return features, signal


rng = np.random.default_rng(1)
(features, signal), (fresh, truth) = sample(rng), sample(rng)
result = []
for weights in (None, {0: 1, 1: 100}):
    forest = RandomForestClassifier(50, random_state=0, class_weight=weights).fit(features, signal)
    called = forest.predict(fresh) == 1
    result.append([int(called.sum()), float(truth[called].mean())])
print(json.dumps(result))
EOF
for version in 1.8.0 1.9.1; do
    python3 -m venv "$version"
    "$version/bin/pip" install -qq --no-compile scikit-learn==$version numpy==2.4.6 scipy==1.17.1
    "$version/bin/python" forest.py >"$version.json"
done

1.9.1/bin/python - <<'EOF'
import json
import sys
from pathlib import Path

counts = {}
for version in ("1.8.0", "1.9.1"):
    (plain, purity), (weighted, other) = json.loads(Path(f"{version}.json").read_text())
    counts[version] = plain, weighted
    print(
        f"{version}: no weights {plain} events called signal (purity {purity:.2f}),"
        f" weight 100: {weighted} (purity {other:.2f})"
    )
old, new = counts.values()
sys.exit(not (old[0] == new[0] and new[1] > 3 * old[1]))
EOF
