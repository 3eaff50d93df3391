#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: the states that a power cut could have left, tried after the shop has closed.
#
#     one day of the till ── log of operations ── states ── each: the store restarted, its books read
#
# Expected: the till without bugs holds in all; without fsync, and when it answers before it commits,
# sales are lost in some of them and the verdict says so, though nothing was lost on the day itself.
# Buggy result: a state that no disk could leave, or a till that nobody has asked.
# timeout: 240
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-crash-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
bad=0
fail() {
	echo "$*"
	tail -n 30 "$work/out"
	bad=1
}
try() { # states model bug: the exit code, in $code
	"$worstday" run --out "$work/results" "$top/experiments/gate/till/power-cut-anywhere.yml" \
		--set baseline=never --set "faults[0]={power.cut: {node: $1, model: $3, explore: $2}}" \
		--set shoppers.count=12 --set "env={TILL_BUG: '$4'}" >"$work/out" 2>&1 </dev/null
	code=$?
}
try store 500 strict ""
[ "$code" = 3 ] && echo "SKIP: $(tail -n 1 "$work/out")" && exit 77
[ "$code" = 0 ] || fail "the right till: exit $code"
grep -h '"did":"500 of [0-9]* states that a power cut could have left were tried, .*; 0 broke' \
	"$work/results/gate/till/power-cut-anywhere/latest/events.ndjson" >/dev/null ||
	fail "the right till: states were not tried"
for bug in no-fsync ack-before-commit; do
	try store 24 ext4-ordered "$bug"
	[ "$code" = 1 ] || fail "$bug: exit $code"
	grep -q '^  no-lost-sale .*violated.*0 of 12 lost; broken in [0-9]* of 24 crash states' \
		"$work/out" || fail "$bug: not found in any state"
	grep -q 'power cut at .* s, behind operation .* acknowledged at [0-9.]* s' "$work/out" ||
		fail "$bug: nobody says when it was acknowledged"
done
"$worstday" run --out "$work/results" "$top/experiments/smoke/power.cut.yml" \
	--set 'env={TILL_BUG: no-fsync}' >"$work/out" 2>&1 </dev/null
[ $? = 1 ] || fail "a cut of the till without fsync"
grep -q 'acknowledged at [0-9.]* s; the write of store/store/0 to store.db-wal .* synced; power was cut at' \
	"$work/out" || fail "a cut: no sentence says why the sale is gone"
result="$work/results/smoke/power.cut/latest"
"$worstday" report "$result" --file "*.db-wal" --to 20s >"$work/out" 2>&1 </dev/null ||
	fail "report --file: exit $?"
grep -q 's  store  *write of [0-9]* bytes at [0-9]*, store.db-wal, .* by store/store/0$' "$work/out" &&
	grep -q 's  store  *power cut' "$work/out" || fail "report --file: no write, or no cut"
"$worstday" report "$result" --file "*.db-wal" --from 5 >"$work/out" 2>&1 </dev/null
[ $? = 64 ] || fail "report --from 5: a time without a unit"
try store some strict ""
[ "$code" = 65 ] || fail "explore: some, exit $code"
try lane-1 5 strict ""
[ "$code" = 65 ] || fail "explore without the books, exit $code"
exit $bad
