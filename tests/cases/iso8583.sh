#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: a till that speaks ISO 8583 with the bank, in whole runs: every fault of the bank, and what
# a plain client is answered. Expected: the till holds its promises under each of them, each altered
# request is one event, the bank ledger has terminal and STAN; a till that forgets to reverse is caught.
# Buggy result: a charge that nobody reversed and nobody noticed, a fault that only HTTP meets.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-iso-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
failed=0
cp -r "$top/tests/cases/iso8583" "$work/target"

run() { # name, exit code, words, fault, [when], [bug]
	local got
	sed -i "s/env: {BUG: .*}/env: {BUG: ${6:-none}}/" "$work/target/target.yml"
	printf '%b' "target: $work/target/target.yml
seed: 3
baseline: never
shoppers: {count: 8, arrivals: constant 60/min, basket: 1..2, pay: {card: 75%, cash: 25%}, pace: 400x}
faults:
  - $4
    when: {${5:-nth: 2}}
settle: 10s
rest: 200ms
checks: [no-lost-sale, no-duplicate-sale, no-phantom-sale, right-amount, no-double-charge,
         paid-means-money, no-charge-without-sale]
" >"$work/$1.yml"
	rm -rf "${work:?}/results"
	timeout 60 "$worstday" run --out "$work/results" "$work/$1.yml" >"$work/out" 2>&1 </dev/null
	got=$?
	if [ "$got" != "$2" ] || ! grep -Eqi -- "$3" "$work"/results/*/latest/events.ndjson; then
		echo "$1: exit $got, expected $2 and an event like /$3/ in"
		sed 's/^/    /' "$work/out"
		grep -h '"fired"' "$work"/results/*/latest/events.ndjson
		failed=1
	else
		echo "ok $1: exit $got"
	fi
}

run lost 0 'authorise #1 of S.* approved, and the answer dropped' 'bank.approve-then-drop: {}'
run reset 0 'authorise #1 of S.* approved, and the answer dropped' 'bank.approve-then-drop: {how: reset}'
run late 0 'authorise #1 of S.* approved, and the answer held back' 'bank.slow: {op: authorise, delay: 800ms}'
run twice 0 'authorise #1 of S.* approved, and answered twice' 'bank.duplicate-reply: {}' 'nth: 1..9'
run no 0 'authorise #1 of S.* declined with 61' 'bank.decline: {code: "61"}'
run error 0 'authorise #1 of S.* answered 96: nothing was done' 'bank.error: {code: "96", op: authorise}'
run down 0 'authorise #1 of S.* not answered: nothing was done' 'bank.down: {op: authorise}'
run forgotten 1 'authorise #1 of S.* approved, and the answer dropped' 'bank.approve-then-drop: {}' 'nth: 2' forget
grep -q '"tid":"TILL0001","stan":"0000' "$work"/results/*/latest/bank.ndjson || {
	echo "the bank ledger lacks terminal or STAN:"
	head -n 3 "$work"/results/*/latest/bank.ndjson
	failed=1
}
# Between the 0200 and the 0210: the answer waits until the line is cut, and nobody ever hears it.
run cut 0 'tcp.*dropped' 'net.partition: {between: [lane-1, bank]}' 'on: bank captured, nth: 2, for: 8min'
rrn=$(grep -h '"what":"captured"' "$work"/results/*/latest/bank.ndjson |
	sed -n '2s/.*"rrn":"\([^"]*\)".*/\1/p')
grep -qh "\"what\":\"reversed\".*\"rrn\":\"$rrn\"" "$work"/results/*/latest/bank.ndjson || {
	echo "the answer got through a line that was cut before it left:"
	cat "$work"/results/*/latest/bank.ndjson
	failed=1
}
exit "$failed"
