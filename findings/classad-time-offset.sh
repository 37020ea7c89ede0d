#!/usr/bin/env bash
# A time with an offset loses the offset, not the hour, when it is put into a ClassAd.
#
# Versions:  htcondor 25.14.1 (wheel); Python 3.11, Linux x86-64
# Guess:     12:00 at UTC+5 put into a ClassAd is 07:00 UTC, or it is written with its offset.
# Seen:      the hour is kept and the offset is written as zero: what is read back is 12:00 UTC, five hours
#            later. A time in UTC is right.
# Output:
#     put in: 2026-01-01 12:00:00+05:00 = 07:00 UTC
#     in the ClassAd: absTime("2026-01-01T12:00:00-00:00")
#     read back: 2026-01-01 12:00:00+00:00, 5 hours later
# Matters:   times of shifts and run periods are often given in local time with offset. Put into job ads, or
#            into a query for jobs since then, they are hours off, by another amount in summer. Convert to
#            UTC, or to seconds since 1970, first.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile htcondor==25.14.1

venv/bin/python - <<'EOF'
import sys
from datetime import datetime, timedelta, timezone

import classad2

given = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
ad = classad2.ClassAd({"Start": given})
back = ad.eval("Start")
late = (back - given) / timedelta(hours=1)
print(f"put in: {given} = {given.astimezone(timezone.utc):%H:%M} UTC")
print("in the ClassAd:", str(ad).split("=", 1)[1].strip(" \n]"))
print(f"read back: {back}, {late:g} hours later")
utc = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
sys.exit(not (late == 5 and classad2.ClassAd({"Start": utc}).eval("Start") == utc))
EOF
