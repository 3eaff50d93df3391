#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: the disks of the store and of one lane stand still for two and a half seconds
# while shoppers go on coming to the other lanes.
# Expected: shoppers act and timers fire on time (the facts of verdict.json), whoever waits for a disk
# or not, and the lanes whose disk works sell in seconds. Buggy result: lateness of the order of the
# stall: something of ours waited for the disk.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-diskstall-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cat >"$work/stall.yml" <<'Y'
title: The disks stand still
target: till
seed: 1
baseline: never
disk: always
shoppers: {count: 24, arrivals: constant 60/min, lanes: [lane-1, lane-2], basket: 1..2, pay: {cash: 100%}, pace: 8x, human: none}
faults:
  - disk.slow: {node: [store, lane-3], op: any, delay: 3s, stall: true}
    when: {after: 2 sales, for: 20s}
settle: 6s
checks: [no-lost-sale, no-duplicate-sale]
Y
"$worstday" run --out "$work/results" "$work/stall.yml" >"$work/out" 2>&1 </dev/null
code=$?
[ "$code" = 3 ] && echo "SKIP: $(tail -n 1 "$work/out")" && exit 77
python3 - "$work"/results/*/latest/verdict.json <<'P'
import json
import sys
v = json.load(open(sys.argv[1]))
f = v["facts"]
late = {k: f[k] / 1e9 for k in ("late_p99_ns", "timer_p99_ns")}
fired = v["faults"][0]["fired"]
print(late, "fired", fired)
bad = [k for k, s in late.items() if s > 0.15]
if bad or not fired:
    sys.exit(f"late: {bad}, fired {fired}")
P
[ $? = 0 ] && [ "$code" = 0 ] && exit 0
tail -n 30 "$work/out"
exit 1
