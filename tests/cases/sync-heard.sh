#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: sync() never reaches a disk in user space; who looks at system calls tells it.
#
#     sync() ── held by the supervisor ── disk: all is written back ── fsync: nothing to write
#
# Expected: with `disk.error: {op: fsync, then: succeeds}` a POS that says sync() before each fsync
# meets no error and loses nothing. Buggy result: the fsync fails for what sync() has written, and
# takes it away when the fault is healed.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-sync-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cat >"$work/template" <<END
title: An fsync that has nothing to write
target: $top/tests/cases/journal/target.yml
seed: 1
baseline: never
shoppers: {count: 6, arrivals: constant 60/min, lanes: [shop], basket: 1..3, pace: 400x}
faults:
  - disk.error: {node: shop, path: journal, op: fsync, then: succeeds}
    when: {at: 0s, for: 3min}
    min_hits: MIN
settle: 10s
rest: 200ms
checks: [no-lost-sale, no-duplicate-sale, no-phantom-sale, right-amount]
END
try() { # mode, min_hits: the exit code, in $code
	sed "s/MIN/$2/" "$work/template" >"$work/$1.yml"
	"$worstday" run --out "$work/results" "$work/$1.yml" --set "env={MODE: $1}" \
		>"$work/out" 2>&1 </dev/null
	code=$?
}
bad=0
try sync 0
[ "$code" = 3 ] && echo "SKIP: $(tail -n 1 "$work/out")" && exit 77
{ [ "$code" = 0 ] && grep -q 'disk.error .*fired 0' "$work/out"; } ||
	{ echo "sync() was not heard: exit $code"; tail -n 20 "$work/out"; bad=1; }
try good 1 # the same without: it does fail, so the fault was there
grep -q 'disk.error .*fired [1-9]' "$work/out" ||
	{ echo "without sync(): exit $code, nothing failed"; tail -n 20 "$work/out"; bad=1; }
exit $bad
