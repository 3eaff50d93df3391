#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Purpose: two harnesses at once, each with two workers, on one target, one results folder and one
#          cache, do not disturb each other, nor does the SIGKILL of a third beside them.
# Expected: every trial of the two holds and is on file once; the data are prepared once; nothing of
#           the third is left.
# Buggy result: a trial that is not what it would have been alone, or that is missing.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-two-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
mkdir "$work/target" && cp "$top/tests/cases/pos/pos.py" "$work/target/"
sed '/^lanes:/i\
prepare:\
  - {node: shop, run: [/usr/bin/python3, -c, "import time; time.sleep(0.5); open(\\"/var/lib/pos/new\\", \\"w\\").write(\\"x\\")"]}' \
	"$top/tests/cases/pos/target.yml" >"$work/target/target.yml"
for n in one two three; do
	cat >"$work/$n.yml" <<Y
title: Day $n
target: target/target.yml
seed: 1
shoppers: {count: 8, arrivals: constant 60/min, basket: 1..3, pace: 1000x}
faults:
  - process.kill: {service: shop/pos}
    when: {on: told ok, nth: 3}
settle: 5s
checks: [no-lost-sale, no-duplicate-sale]
Y
done
start() { # experiment
	"$worstday" run --quiet -j 2 --seeds 3 --out "$work/results" "$work/$1.yml" >"$work/$1.out" 2>&1 &
}
start three
third=$!
start one
one=$!
start two
two=$!
python3 -c 'import select; select.select([], [], [], 0.9)'
kill -9 "$third" 2>/dev/null
for n in one two; do
	wait "${!n}"
	code=$?
	if [ $code != 0 ]; then
		echo "FAILED: $n: exit $code"
		cat "$work/$n.out"
		failed=1
	fi
	kept=$(find "$work/results/$n" -mindepth 2 -maxdepth 2 -name verdict.json -not -path '*/latest/*' \
		-exec grep -l '"holds"' {} + | wc -l)
	[ "$kept" = 3 ] || { echo "FAILED: $n: $kept of 3 trials on file hold"; failed=1; }
done
for try in $(seq 40); do
	left=$(find "$work/results" -name '.tmp*')
	[ -z "$left" ] && break
	python3 -c 'import select; select.select([], [], [], 0.05)'
done
[ -z "$left" ] || { echo "FAILED: left behind: $left"; failed=1; }
entries=$(find "$work/results/.cache" -maxdepth 1 -name 'prepared-*' | wc -l)
[ "$entries" = 1 ] || { echo "FAILED: prepared $entries times"; failed=1; }
[ $failed = 0 ] && echo "two at once: 6 trials hold, prepared once, nothing of the third left"
exit $failed
