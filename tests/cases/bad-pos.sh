#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: software under test that misbehaves gets a true verdict and a clear message.
# Expected: the exit code and the words in the table below. Buggy result: a pass, a crash, a hang.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-badpos-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

cat >"$work/base.yml" <<Y
title: A POS that misbehaves
target: $top/tests/cases/pos/target.yml
seed: 1
baseline: never
shoppers: {count: 6, arrivals: constant 60/min, basket: 1..2, pace: 400x, step_timeout: 1s, retries: 0}
faults:
  - noop: {}
settle: 1s
checks: [no-lost-sale, no-phantom-sale]
Y

# mode, exit codes allowed, words that the output must have (extended regex)
while IFS='|' read -r mode codes words; do
	timeout 60 "$worstday" run --out "$work/results" --set "env={MODE: $mode}" "$work/base.yml" \
		>"$work/out" 2>&1 </dev/null
	code=$?
	[ "$mode" = fills-disk ] && case $code in
	1) words='^violated' ;;
	2) words='^inconclusive' ;;
	*) words='could not keep .*No space left' ;;
	esac
	if ! [[ " $codes " == *" $code "* ]]; then
		echo "MODE=$mode: exit $code, expected one of: $codes"
		tail -n 30 "$work/out" | sed 's/^/    /'
		failed=1
	elif ! grep -Eqi -- "$words" "$work/out"; then
		echo "MODE=$mode: exit $code as expected, but no words like /$words/ in:"
		tail -n 30 "$work/out" | sed 's/^/    /'
		failed=1
	else
		echo "ok MODE=$mode: exit $code, says $(grep -Eio -m1 -- "$words" "$work/out" | head -n 1)"
	fi
done <<'T'
good|0|holds
never-ready|2|not ready within 5
exits|2|cannot find my configuration
daemon|2|forks: true
flood|0|holds
ignores-term|0|holds
broken-http|2|inconclusive
hangs|2|inconclusive
refuses|2|inconclusive
fills-disk|1 2 4|chosen above, by the code
loses|1|lost
bad-books|2|(not a database|malformed|books)
T
exit $failed
