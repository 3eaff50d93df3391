#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: a program that makes its disk hard to leave: 1,500 open files, a name of each byte, a
# current folder whose name is no text, mapped pages that are truncated under who writes to them, and
# no ear for SIGTERM. The power is cut, it boots, the shop closes; then the same in crash states.
# Expected: every promise holds, the log is JSON, every state can be made, and nothing is left: no
# mount, no process, no folder. Buggy result: a trial that hangs at its end, or leaves something.
# timeout: 120
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-busy-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
bad=0
fail() {
	echo "$*"
	tail -n 20 "$work/out"
	bad=1
}
nothing_left() { # when
	grep "$work" /proc/mounts && fail "$1: mounts are left"
	local by=$((SECONDS + 5)) # the guardian is the last to go, within 2 s
	while pgrep -f "$work" >/dev/null && [ $SECONDS -lt $by ]; do :; done
	pgrep -fa "$work" && fail "$1: processes are left"
	find "$work/results" -name '.tmp-*' | grep . && fail "$1: folders are left"
}
try() { # name, fault, when: the exit code, in $code
	cat >"$work/$1.yml" <<END
title: A disk that is hard to leave
target: $top/tests/cases/journal/target.yml
seed: 1
baseline: never
env: {MODE: busy}
shoppers: {count: 6, arrivals: constant 60/min, lanes: [shop], basket: 1..3, pace: 400x}
faults:
  - $2
$3
settle: 10s
rest: 200ms
checks: [no-lost-sale, no-duplicate-sale, no-phantom-sale, right-amount]
END
	timeout 60 "$worstday" run --out "$work/results" "$work/$1.yml" >"$work/out" 2>&1 </dev/null
	code=$?
	result=$work/results/$1/latest
}
try cut 'power.cut: {node: shop, off: 50ms}' '    when: {after: 2 sales}'
[ "$code" = 3 ] && echo "SKIP: $(tail -n 1 "$work/out")" && exit 77
[ "$code" = 0 ] || fail "a cut: exit $code"
python3 -c 'import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    json.loads(line)' "$result/logs/disk.shop.ndjson" || fail "a cut: its log is no JSON"
nothing_left "a cut"
try states 'power.cut: {node: shop, explore: 2, again: 1}' ''
[ "$code" = 0 ] || fail "states: exit $code"
nothing_left "states"
exit $bad
