#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# timeout: 240
# Purpose: every exit code of DESIGN.md, from real runs, and their precedence in a suite.
# Buggy result: a pass for what was not judged, a crash taken for a pass.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-exit-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
experiment() { # file, mode, nth, more lines
	cat >"$work/$1" <<Y
title: $1
target: $top/tests/cases/pos/target.yml
seed: 1
baseline: never
env: {MODE: $2}
shoppers: {count: 6, arrivals: constant 60/min, basket: 1, pace: 400x, step_timeout: 1s, retries: 0}
faults:
  - noop: {}
    when: {on: told ok, nth: $3}
settle: 1s
checks: [no-lost-sale]
${4:-}
Y
}
try() { # name, exit code, words, arguments...
	local name=$1 want=$2 words=$3 code
	shift 3
	timeout 60 "$worstday" run --out "$work/results" "$@" >"$work/out" 2>&1 </dev/null
	code=$?
	if [ $code != "$want" ] || ! grep -Eq -- "$words" "$work/out"; then
		echo "$name: exit $code, expected $want and words like /$words/"
		tail -n 20 "$work/out" | sed 's/^/    /'
		failed=1
	else
		echo "ok $name: exit $code"
	fi
}
mkdir "$work/some"
experiment holds.yml good 2
experiment violated.yml loses 2
experiment unfired.yml good 99
experiment expected.yml loses 2 \
	'expect: {check: no-lost-sale, verdict: violated, until: 2099-01-31, why: known}'
experiment surprise.yml good 2 \
	'expect: {check: no-lost-sale, verdict: violated, until: 2099-01-31, why: known}'
experiment baseline.yml loses 2
sed -i 's/^baseline: never/baseline: each/' "$work/baseline.yml"
printf 'title: x\ntarget: nowhere\nshopers: {}\n' >"$work/bad.yml"
try holds 0 '^holds' "$work/holds.yml"
try violated 1 '^violated' "$work/violated.yml"
try "bad already on the good day" 1 'on the good day already' "$work/baseline.yml"
try "never fired" 2 'never fired|did not fire|fired 0' "$work/unfired.yml"
try "expected failure" 0 '^holds' "$work/expected.yml"
try "unexpected pass" 1 '^violated' "$work/surprise.yml"
try "bad file" 65 'bad.yml:3:1: error: .*shopers' "$work/bad.yml"
try "missing file" 65 'No such file' "$work/none.yml"
try "one bad file stops all" 65 'bad.yml' "$work/holds.yml" "$work/bad.yml"
try "no results folder" 4 'results cannot be kept' --out /proc/nowhere "$work/holds.yml"
try "suite: violated over inconclusive" 1 'violated 1 of 2.*inconclusive 1' -j2 \
	--junit "$work/all.xml" "$work/holds.yml" "$work/violated.yml" "$work/unfired.yml"
xmllint --noout "$work/all.xml" || failed=1
for words in '<testsuites name="worstday" tests="4" failures="1" errors="1"' '<failure type="violated"' \
	'reproduce: .*violated.yml --seed 1'; do
	grep -q -- "$words" "$work/all.xml" || { echo "junit: no $words"; failed=1; }
done
try "suite: inconclusive over holds" 2 'inconclusive 1' "$work/holds.yml" "$work/unfired.yml"
try "seeds" 0 'violated 0 of 3' --seeds 3 -j2 "$work/holds.yml"
try "until fail" 1 '^violated' --until-fail "$work/violated.yml"
exit $failed
