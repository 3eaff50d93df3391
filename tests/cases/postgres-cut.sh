#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: PostgreSQL under power cuts: one in the middle of trading, and the states that any could
# have left.
#
#     lane: psql ── wire ── db: PostgreSQL on a disk of ours ── cut ── recovery ── the books by SQL
#
# Expected: with its own settings no committed sale is lost, not by the cut, nor in a state, nor in one
# that a second cut left during recovery; with fsync=off sales are lost in some of the states.
# Buggy result: a false alarm about a database that keeps its promise, or silence about one that
# does not.
# timeout: 120
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || { echo "SKIP: no PostgreSQL"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-pg-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
bad=0
fail() {
	echo "$*"
	tail -n 30 "$work/out"
	bad=1
}
cat >"$work/cut.yml" <<END
title: The power goes under PostgreSQL
target: $top/tests/cases/postgres/target.yml
seed: 1
baseline: never
shoppers: {count: 10, arrivals: constant 60/min, lanes: [lane], basket: 1..3, pace: 400x}
faults:
  - power.cut: {node: db, lose: everything, off: 100ms}
    when: {after: 4 sales}
settle: 20s
rest: 500ms
checks: [no-lost-sale, no-duplicate-sale, no-phantom-sale, right-amount]
END
try() { # fsync, more...: the exit code, in $code
	"$worstday" run --out "$work/results" "$work/cut.yml" --set "env={FSYNC: '$1'}" "${@:2}" \
		>"$work/out" 2>&1 </dev/null
	code=$?
	said=$(grep -h '"kind":"fired"' "$work/results/cut/latest/events.ndjson")
}
try on
[ "$code" = 3 ] && echo "SKIP: $(tail -n 1 "$work/out")" && exit 77
[ "$code" = 0 ] || fail "a cut: exit $code"
[[ $said =~ "the power is cut: 1 process died" ]] || fail "a cut: none: $said"
explore='faults[0]={power.cut: {node: db, model: strict, explore'
try on --set "$explore: 6, again: 4}}"
[ "$code" = 0 ] || fail "its own settings: exit $code"
[[ $said =~ "6 of "[0-9]+" states".*"; 0 broke a promise; of "[2-9]" recoveries ".*" 4 of "[0-9]+" states".*"; 0 broke" ]] ||
	fail "its own settings: states were not tried: $said"
try off --set "$explore: 4}}"
[ "$code" = 1 ] || fail "fsync=off: exit $code"
grep -q '^  no-lost-sale .*violated.*; broken in [0-9]* of 4 crash states' "$work/out" ||
	fail "fsync=off: no sale was lost"
exit $bad
