#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# timeout: 400
# Purpose: EINTR everywhere. Every process of the harness is stopped and continued some hundred times a
# second while trials with faults of every layer run. Expected: the same verdict about states as
# ever; timing may be inconclusive. Buggy result: broken, violated, a hang, something left behind.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-storm-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$top" || exit 1
failed=0
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
for name in process.kill net.delay disk.error call.slow bank.slow dns.fail printer.paper-out clock.jump power.cut; do
	/usr/bin/python3 tests/cases/storm/storm.py "$worstday" run -q -o "$work/results" \
		"experiments/smoke/$name.yml" >"$work/out" 2>&1
	code=$?
	blows=$(sed -n 's/^storm: \([0-9]*\) blows.*/\1/p' "$work/out")
	case $code in
	0) ;;
	2) grep -q 'too noisy' "$work/out" "$work"/results/smoke/"$name"/latest/verdict.json ||
		{ echo "$name: inconclusive, and not for noise"; failed=1; } ;;
	*) echo "$name: exit $code"; failed=1 ;;
	esac
	[ "${blows:-0}" -ge 100 ] || { echo "$name: only ${blows:-0} blows, nothing was tried"; failed=1; }
	echo "$name: exit $code, $(tail -n 1 "$work/out")"
	[ $code = 0 ] || tail -n 5 "$work/out" | sed 's/^/    /'
done
left=$({ find "$TMPDIR" -mindepth 1; find "$work/results" -name '.tmp-*'; } | head -n 3)
[ -z "$left" ] || { echo "left behind: $left"; failed=1; }
exit $failed
