#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: failure points of the target's own, as the reference till has them (targets/till/point.h).
# Expected: each fails as often as the experiment says, an event each; the till holds, and with a bug
# that such a failure brings to light it does not; a point that the program has not never fires.
# Buggy result: a point that nobody reaches counts as passed.
# timeout: 90
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-points-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
try() { # name, target, fault, when, bug, exit code, words
	cat >"$work/x.yml" <<-Y
	target: $top/targets/till/$2.yml
	seed: 1
	baseline: never
	env: {TILL_BUG: $5}
	shoppers: {count: 16, arrivals: constant 60/min, lanes: [lane-1, lane-2], basket: 1, pace: 400x}
	faults:
	  - lib.fail: $3
	    when: $4
	settle: 8s
	rest: 200ms
	checks: [no-lost-sale, no-duplicate-sale, right-amount, receipt-numbers: {mode: gapless}]
	Y
	timeout 60 "$worstday" run --out "$work/results" "$work/x.yml" >"$work/out" 2>&1 </dev/null
	local code=$?
	[ $code = 3 ] && [ $failed = 0 ] && echo "SKIP: $(grep -m1 unsupported "$work/out")" && exit 77
	if [ $code != "$6" ] || ! grep -Eq -- "$7" "$work/out"; then
		echo "$1: exit $code, expected $6 and words like /$7/"
		tail -n 25 "$work/out" | sed 's/^/    /'
		failed=1
	else
		echo "ok $1: exit $code"
	fi
}
try 'commits fail' target '{node: store, point: till/db/commit}' '{nth: 3..30+4}' none 0 'fired [2-9]'
grep -q '"object":"till/db/commit","did":"failed, call 3"' "$work/results/x/latest/events.ndjson" ||
	{ echo "no event of call 3"; failed=1; }
try 'and a number is lost' target '{node: store, point: till/db/commit}' '{nth: 3..30+4}' \
	receipt-gap 1 'receipt numbers? .*missing'
try 'no way to the printer' counter '{node: lane-1, point: till/print/open}' '{nth: 2}' none 0 'fired 1'
try 'no such point' target '{node: store, point: till/db/comit}' '{nth: 1}' none 2 'never fired|fired 0'
exit $failed
