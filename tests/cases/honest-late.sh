#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: what the POS books after the last shopper has gone is seen all the same, and what
# the harness itself cuts short is not held against the POS.
# Expected: the verdicts of the table. Buggy result: exit 0 because nobody waited, or a hang
# where a till said "timed out" at once.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-late-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

# mode, check, deadline, fault, exit code, words
while IFS='|' read -r mode check deadline fault code words; do
	cat >"$work/$mode.yml" <<Y
target: $top/tests/cases/pos/target.yml
seed: 1
baseline: never
env: {MODE: $mode}
deadline: $deadline
shoppers: {count: 4, arrivals: constant 60/min, basket: 1..2, pace: 400x, step_timeout: 5s, retries: 0}
faults:
  - $(printf '%b' "$fault")
settle: 10s
checks: [$check]
Y
	timeout 60 "$worstday" run --out "$work/results" "$work/$mode.yml" >"$work/out" 2>&1 </dev/null
	got=$?
	if [ "$got" != "$code" ] || ! grep -Eqi -- "$words" "$work/out"; then
		echo "$mode $check: exit $got, expected $code and words like /$words/ in:"
		sed 's/^/    /' "$work/out"
		failed=1
	else
		echo "ok $mode $check: exit $got"
	fi
done <<'T'
good|no-duplicate-sale|1min|noop: {}|0|holds
doubles-late|no-duplicate-sale|1min|process.hang: {service: shop/pos}\n    when: {after: 1 sales, for: 100ms}|1|2 sales with this key
books-refused|no-phantom-sale|1min|noop: {}|1|refused this sale, but it is in the books
says-timeout|no-hang|1min|noop: {}|0|holds
hangs|answered-sales|1s|noop: {}|2|deadline
T
exit $failed
