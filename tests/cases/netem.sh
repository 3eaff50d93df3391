#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# Purpose: `backend: netem` where the kernel has none is unsupported: exit 3, the remedy, nothing
# launched, in run, --dry-run and doctor alike; where it has one, the right till holds with it.
# (What netem does is measured in the guest: make test-vm.)
# Buggy result: another exit code, a fault that silently goes to the wire instead, a launched trial.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-netem-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
cd "$top" || exit 1
expect() { # words, file
	grep -Eq -- "$1" "$2" && return
	echo "no /$1/ in:"
	sed 's/^/    /' "$2"
	failed=1
}
run() { # arguments...
	timeout 120 "$worstday" run --out "$work/results" --set 'faults[0].net.drop.backend=netem' \
		experiments/smoke/net.drop.yml "$@" >"$work/out" 2>&1 </dev/null
	code=$?
}
"$worstday" doctor >"$work/doctor"
"$worstday" list faults net.drop >"$work/list"
"$worstday" list --json faults net.drop >"$work/json"
expect '^(ok|-) +netem ' "$work/doctor"
expect '^Back ends:' "$work/list"
expect 'netem: the kernel.s own random numbers: not replayable' "$work/list"
expect '"backends": ".*netem' "$work/json"
"$worstday" list faults net.cut | grep -q '^Back ends:' && { echo "net.cut has no choice"; failed=1; }
if grep -q 'netem  *not there' "$work/doctor"; then
	expect '^- +netem +not there: .*backend: netem.*remedy: .*sch_netem' "$work/doctor"
	run
	[ $code = 3 ] || { echo "run: exit $code, expected 3"; failed=1; }
	expect 'net.drop: qdisc netem: .*; remedy: a kernel with sch_netem.*`backend: wire`' "$work/out"
	expect '^unsupported' "$work/out"
	if [ -n "$(find "$work/results" -name events.ndjson 2>/dev/null)" ]; then
		echo "something was launched"
		failed=1
	fi
	run --dry-run
	expect 'probe +net.drop +does not work here: qdisc netem' "$work/out"
else
	run
	[ $code = 0 ] || { echo "run: exit $code, expected 0"; failed=1; }
	expect 'netem: the kernel decides, not replayable' "$work/out"
fi
[ $failed = 0 ] || exit 1
echo "ok: exit $code"
