#!/usr/bin/env bash
# An undefined ClassAd attribute is the number 2 in Python.
#
# Versions:  htcondor 25.14.1 (wheel); Python 3.11, Linux x86-64
# Guess:     an attribute without value is None in Python, or it raises when it is used as a number.
# Seen:      classad2.Value is an enumeration of integers: Undefined is 2 and Error is 1. It is true, it can
#            be added, it equals the exit code 2, and JSON writes 2.
# Output:
#     [ReturnValue = undefined]: <Value.Undefined: 2>
#     equals 2: True, true: True, sum of 0 and it: 2, JSON: 2
#     1/0 in a ClassAd equals 1: True
# Matters:   a job that was removed or killed by a signal has no ReturnValue. A script that counts exit codes
#            counts it as exit code 2, and a sum of run times over a cluster is off by 2 s a job. Compare
#            with "is classad2.Value.Undefined" before anything else.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile htcondor==25.14.1

venv/bin/python - <<'EOF'
import json
import sys

import classad2

value = classad2.ClassAd("[ReturnValue = undefined]")["ReturnValue"]
error = classad2.ClassAd("[Ratio = 1/0]").eval("Ratio")
print("[ReturnValue = undefined]:", repr(value))
print(f"equals 2: {value == 2}, true: {bool(value)}, sum of 0 and it: {0 + value}, JSON: {json.dumps(value)}")
print("1/0 in a ClassAd equals 1:", error == 1)
sys.exit(not (value == 2 and value is classad2.Value.Undefined and bool(value) and error == 1))
EOF
