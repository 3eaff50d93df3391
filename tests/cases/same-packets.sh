#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 200
# Purpose: two runs of one experiment decide alike about the packets that they have in common.
# Expected: every (connection, direction, sequence number, kind, pass) that both runs saw is dropped
#           in both or in none; another seed decides otherwise. A delay of 1 us behind the drop makes
#           an event of each packet that was let through.
# Buggy result: a packet that is dropped in one run only.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-same-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cp -r "$top/tests/cases/many" "$work/target" || exit 1
cat >"$work/same.yml" <<Y
title: Packets vanish
target: target/target.yml
baseline: never
env: {MANY: "100", AT_ONCE: "1"}
shoppers: {count: 3, arrivals: constant 60/min, basket: 1..1, pace: 100x, step_timeout: 120s}
faults:
  - net.drop: {between: [shop, peer], port: 9000, rate: 8%}
  - net.delay: {between: [shop, peer], port: 9000, delay: 1us}
settle: 5s
checks: [no-lost-sale]
Y
for run in 1-a 1-b 2-c; do # seed, name
	"$worstday" run --quiet --seed "${run%-*}" --out "$work/$run" "$work/same.yml" \
		>"$work/out-$run" 2>&1 &
	pids="${pids:-} $!"
done
for pid in $pids; do
	wait "$pid" || { echo "FAILED: exit $?"; tail -n 20 "$work"/out-*; exit 1; }
done
python3 - "$work" <<'P'
import glob, json, sys

def decisions(run):
    """Identity of a packet: was it dropped?"""
    found = {}
    for line in open(glob.glob("%s/%s/same/2*/events.ndjson" % (sys.argv[1], run))[0]):
        e = json.loads(line)["event"]
        if e["kind"] != "fired" or not e.get("object"):
            continue
        what, which = e["did"].split(": ", 1)
        key = (e["object"], which)
        dropped = what == "dropped"
        if found.setdefault(key, dropped) != dropped:
            sys.exit("FAILED: run %s decided twice about %s" % (run, key))
    return found

def compare(one, two):
    both = one.keys() & two.keys()
    return both, [k for k in both if one[k] != two[k]], sum(one[k] for k in both)

a, b, c = map(decisions, ("1-a", "1-b", "2-c"))
both, differ, dropped = compare(a, b)
print("%d and %d packets, %d in both, %d of them dropped in both, %d in one only" %
      (len(a), len(b), len(both), dropped, len(differ)))
if differ or len(both) < 400 or dropped < 50:
    sys.exit("FAILED: %s" % differ[:10])
both, differ, dropped = compare(a, c)
print("another seed: %d in both, %d dropped in one only" % (len(both), len(differ)))
if len(differ) < 50:
    sys.exit("FAILED: another seed decides alike")
P
