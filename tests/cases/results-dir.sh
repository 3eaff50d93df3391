#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: a results directory that is read-only, not a directory, or full. Expected: exit 4 and a
# message that says which and why, never a verdict. Buggy result: "holds".
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
if [ "${RESULTS_INSIDE:-}" != 1 ]; then
	if ! unshare --mount true 2>/dev/null; then
		echo "SKIP: needs root to mount a small file system"
		exit 77
	fi
	RESULTS_INSIDE=1 exec unshare --mount "$0" "$@"
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-resdir-XXXXXX") || exit 1
trap 'umount "$work"/ro "$work"/tiny* 2>/dev/null; rm -rf "$work"' EXIT
failed=0
cat >"$work/short.yml" <<Y
title: A short morning
target: $top/tests/cases/pos/target.yml
seed: 1
baseline: never
shoppers: {count: 300, arrivals: constant 600/min, basket: 1..2, pace: 1000x, human: none}
faults:
  - noop: {}
settle: 2s
checks: [no-lost-sale]
Y
try() { # name, out, words
	timeout 60 "$worstday" run --out "$2" "$work/short.yml" >"$work/out" 2>&1 </dev/null
	local code=$?
	if [ $code != 4 ] || ! grep -Eqi "$3" "$work/out"; then
		echo "$1: exit $code, expected 4 and words like /$3/"
		tail -n 15 "$work/out" | sed 's/^/    /'
		failed=1
	else
		echo "ok $1: exit 4, $(grep -Eio -m1 ".{0,60}($3)" "$work/out" | head -n 1)"
	fi
}
mkdir "$work/ro" && mount -t tmpfs -o ro none "$work/ro"
try "read-only" "$work/ro" "read-only file system"
echo >"$work/file"
try "not a directory" "$work/file" "not a directory|file exists"
for kib in 8 32 48 64 96; do
	mkdir "$work/tiny$kib" && mount -t tmpfs -o size=${kib}k none "$work/tiny$kib"
	try "full at $kib KiB" "$work/tiny$kib" "no space left"
done
exit $failed
