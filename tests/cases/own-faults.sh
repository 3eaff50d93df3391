#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: the harness's own failures. Each of its failure points (harness/base/point.h) fails once, at
#          several places: memory, forks, orders, its loop, ledgers, mounts, results.
# Expected: exit 4 with words that say what failed, or, where the point is not reached so often, the
#           verdict as it is without. Nothing is left behind. Buggy result: any other verdict.
# timeout: 240
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-own-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
failed=0
cat >"$work/x.yml" <<Y
title: A morning on which the harness itself fails
target: $top/tests/cases/pos/target.yml
seed: 1
baseline: never
shoppers: {count: 6, arrivals: constant 600/min, basket: 1, pace: 1000x, human: none}
faults:
  - call.slow: {node: shop, call: fsync, by: 1ms}
  - disk.slow: {node: shop, delay: 100us}
  - clock.jump: {node: shop, by: -1h}
settle: 2s
rest: 100ms
checks: [no-lost-sale]
Y
day=$work/x.yml
left() { # something of ours in the results that is not complete?
	find "$work/results" -name '.tmp-*' 2>/dev/null | grep -q .
}

try() { # point:nth, exit codes that are right, words that must be there then
	local code i
	WORSTDAY_FAIL=$1 timeout 60 "$worstday" run --out "$work/results" "$day" \
		>"$work/out" 2>&1 </dev/null
	code=$?
	for i in $(seq 40); do # the guardian has 2 s
		left || break
		read -rt 0.05 <> <(:)
	done
	if [[ ! $code =~ ^($2)$ ]] || ! grep -Eqi -- "$3" "$work/out" || left ||
			grep -q 'killed by signal' "$work/out"; then
		echo "$1: exit $code, expected $2, words like /$3/, no signal, and nothing left:"
		tail -n 15 "$work/out" | sed 's/^/    /'
		find "$work/results" -name '.tmp-*' 2>/dev/null
		failed=1
	else
		echo "ok $1: exit $code"
	fi
}

try ledger/wite:1 64 'points: base/alloc'
try ledger/write:0 64 'how many-eth'
try ledger/write:1000000 0 '^holds'
while read -r point words; do
	try "$point" 4 "$words"
done <<'T'
base/alloc:1 out of memory
base/order:1 is gone|went away|broken pipe|did not answer
base/wait:3 input/output error
ledger/open:1 making .*too many open files
ledger/read:1 reading the results back
ledger/sync:1 writing the results: .*input/output error
ledger/write:1 writing the results: .*no space left
stage/mount:1 cannot allocate memory
store/make:1 results cannot be kept: .*no space left
store/rename:1 results cannot be kept: renaming
store/sync:1 results cannot be kept: syncing
store/write:1 results cannot be kept: .*no space left
T
# The first is a probe's: a host that cannot fork cannot do what the file asks.
try base/fork:1 3 'resource temporarily unavailable'
# Anywhere in the trial: from the reading of its file to the last row of its results.
for point in base/alloc:{10,100,400,800,1000,1200,1400,1600,1800,2000,2300} \
		base/fork:{2,3} base/order:{2,3,4,6,9} base/wait:{1,10,40,100} ledger/open:4 \
		ledger/write:{2,3} ledger/sync:{2,3} stage/mount:{2,5,8,12} store/sync:{3,6} \
		store/write:{2,3,4,6,8}; do
	try "$point" '0|4' '^holds|^broken|^worstday'
done
# And where the stage stands, but not yet who plays the bank and the printers on it.
day=$top/experiments/smoke/clock.zone.yml
try base/fork:1 4 'starting the bank: fork'
try base/fork:2 4 'starting the counter: fork'
exit $failed
