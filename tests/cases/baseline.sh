#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: how many good days are run. Expected: `once` runs one for all seeds, also when that one
# day is inconclusive; `each` runs one a seed, and none when it is asked again; a changed load has a
# good day of its own; one that breaks a promise is the verdict, and the bad day is not run.
# Buggy result: twice the time for nothing, or a good day taken for another's.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-base-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
cat >"$work/day.yml" <<Y
title: A day
target: $top/tests/cases/pos/target.yml
seed: 1
shoppers: {count: 6, arrivals: constant 60/min, basket: 1, pace: 400x}
faults:
  - noop: {}
    when: {on: told ok, nth: 2}
settle: 1s
checks: [no-lost-sale]
Y
# name, good days wanted, exit code, --out, arguments
try() {
	local name=$1 want=$2 code=$3 out=$work/$4 before after got
	shift 4
	before=$(find "$out" -type d -name baseline -not -path '*/.cache/*' 2>/dev/null | wc -l)
	timeout 60 "$worstday" run --quiet --out "$out" "$@" "$work/day.yml" >"$work/said" 2>&1 </dev/null
	got=$?
	after=$(find "$out" -type d -name baseline -not -path '*/.cache/*' | wc -l)
	if [ $((after - before)) != "$want" ] || [ $got != "$code" ]; then
		echo "$name: $((after - before)) good days, exit $got; expected $want, exit $code"
		sed 's/^/    /' "$work/said"
		failed=1
	else
		echo "ok $name: $want good days"
	fi
}
try "once" 1 0 a --seeds 3 --set baseline=once
try "once, known" 0 0 a --seeds 3 --set baseline=once
try "once, another load" 1 0 a --seeds 2 --set baseline=once --set shoppers.count=7
try "once, inconclusive" 1 2 b --seeds 3 --set baseline=once --set min_sales=99
try "each" 3 0 c --seeds 3 --set baseline=each
try "each, known" 0 0 c --seeds 3 --set baseline=each
try "never" 0 0 d --seeds 2 --set baseline=never
try "bad already" 1 1 e --set baseline=once --set 'env={MODE: loses}'
file=$(find "$work/e/day" -maxdepth 2 -name verdict.json -not -path '*/latest/*')
for words in '"blame": *"baseline"' 'on the good day already'; do
	grep -q "$words" "$file" || { echo "verdict.json: no $words"; failed=1; }
done
dir=$(dirname "$file")
grep -q 'on the good day already' "$dir/junit.xml" || { echo "junit.xml does not say so"; failed=1; }
grep -q 'on the good day already' "$dir/report.html" || { echo "report.html does not say so"; failed=1; }
if grep -q '"kind":"armed"' "$dir/events.ndjson" 2>/dev/null; then
	echo "a fault was armed after a bad good day"
	failed=1
fi
exit $failed
