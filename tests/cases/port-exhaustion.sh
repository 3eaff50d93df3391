#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: a node that has no port left for new connections, seen without a packet or a counter.
# Expected: off, no connect fails for want of a port; on, those of the lane do, each an event with
# where it was to lead; healed, none any more and the lane's offline sales are booked. Buggy result:
# no event though the lane sold offline, an event of another node, or one after the heal.
# timeout: 90
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-ports-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$top" || exit 1
smoke=experiments/smoke/net.port-exhaustion.yml

fail() {
	echo "$1"
	exit 1
}

"$worstday" run "$smoke" --out "$work/on" >"$work/out" 2>&1 || {
	code=$?
	[ "$code" = 3 ] && echo "SKIP: $(tail -n 1 "$work/out")" && exit 77
	cat "$work/out"
	fail "on: exit $code"
}
events=$(find "$work/on" -name events.ndjson | head -n 1)
fired=$(grep -c '"kind":"fired","fault":1' "$events")
[ "$fired" -ge 1 ] || fail "on: never fired"
own=$(grep '"kind":"fired","fault":1' "$events" | grep '"node":"lane-1"' | grep -c 'EADDRNOTAVAIL')
[ "$own" = "$fired" ] || fail "on: $fired fired, $own of them on lane-1"
sed -n '/"kind":"healed","fault":1/,$p' "$events" | grep -q '"kind":"fired","fault":1' &&
	fail "healed: fired all the same"
log=$(find "$work/on" -name lane-1.till.log | head -n 1)
grep -q 'sync synced' "$log" || fail "healed: nothing that was sold offline was booked"

# Twice at once, the later one over first and the other way round: healed when both are.
for span in 1min 5min; do
	awk -v span=$span '/net.port-exhaustion: \{/ {
			print "  - net.port-exhaustion: {node: lane-1}"
			print "    when: {after: 3 sales, for: " span "}"
			print "    min_hits: 0"
		} {print}' "$smoke" >"$work/twice.yml"
	"$worstday" run "$work/twice.yml" --out "$work/twice-$span" >"$work/out" 2>&1 || {
		code=$?
		cat "$work/out"
		fail "twice at once, $span: exit $code"
	}
	log=$(find "$work/twice-$span" -name lane-1.till.log | head -n 1)
	grep -q 'sync synced' "$log" || fail "twice, $span: nothing that was sold offline was booked"
done

sed '/net.port-exhaustion: {/,/when:/d' "$smoke" >"$work/off.yml"
"$worstday" run "$work/off.yml" --out "$work/off" >"$work/out" 2>&1 || {
	cat "$work/out"
	fail "off: exit $?"
}
grep -rq EADDRNOTAVAIL "$work/off" && fail "off: a connect failed"
exit 0
