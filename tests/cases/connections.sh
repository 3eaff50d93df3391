#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# timeout: 300
# Purpose: very many TCP connections at once between two nodes of a running trial (MANY=, 1000 here,
#          10000 in `make soak`), with faults on their link.
# Expected: all are established and answered, except exactly the six that net.cut was told to cut
#           (the 500th to the 505th that get there); the wire's memory stays below 64 MiB.
# Buggy result: a connection too many or too few is cut, none is told of, or the memory grows.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
MANY=${MANY:-1000}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-many-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
bad() {
	echo "FAILED: $*"
	failed=1
}
cp -r "$top/tests/cases/many" "$work/target" || exit 1
cat >"$work/many.yml" <<Y
title: Very many connections
target: target/target.yml
seed: 1
baseline: never
env: {MANY: "$MANY"}
shoppers: {count: 4, arrivals: constant 60/min, basket: 1..1, pace: 100x, step_timeout: 120s, retries: 0}
faults:
  - net.cut: {between: [shop, peer], port: 9000, of: request, after: 50 B}
    when: {nth: 500..505}
  - net.delay: {between: [shop, peer], port: 9000, delay: 200us}
settle: 5s
checks: [no-lost-sale, no-duplicate-sale]
Y
"$worstday" run --quiet --out "$work/results" "$work/many.yml" >"$work/out" 2>&1 &
harness=$!
# The wire's process: its resident memory, as long as it lives.
most=0
while kill -0 $harness 2>/dev/null; do
	for p in $(pgrep -x wire); do
		grep -qs "$work" "/proc/$p/cmdline" || continue
		rss=$(awk '/^VmRSS/ {print $2}' "/proc/$p/status" 2>/dev/null)
		[ "${rss:-0}" -gt "$most" ] && most=$rss
	done
	python3 -c 'import select; select.select([], [], [], 0.1)'
done
wait $harness
code=$?
[ $code = 0 ] || { bad "exit $code"; tail -n 20 "$work/out"; }
log=$(find "$work/results" -name 'shop.pos.log' | head -n 1)
grep -a '^many:' "$log"
echo "the wire's resident memory: $most KiB at most"
grep -aqx "many: established $MANY" "$log" || bad "not all were established at once"
grep -aqx "many: answered $((MANY - 6))" "$log" || bad "not all were answered"
grep -aqx 'many: reset \[500, 501, 502, 503, 504, 505\]' "$log" || bad "others were cut"
[ "$most" -gt 0 ] && [ "$most" -lt 65536 ] || bad "$most KiB"
events=$(find "$work/results" -name events.ndjson | head -n 1)
cuts=$(grep -a '"fired"' "$events" | grep -ac '"did":"cut')
[ "$cuts" = 6 ] || bad "$cuts events of a cut, not 6"
for n in 500 501 502 503 504 505; do
	grep -a '"did":"cut' "$events" | grep -aq "9000#$n\"" || bad "no event for connection $n"
done
grep -a '"skipped"' "$events" && bad "something was forgotten"
exit $failed
