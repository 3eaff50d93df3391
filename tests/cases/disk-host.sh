#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
# Purpose: the host, not a fault, fails a trial: what a disk of ours lies on runs full with no rule
# armed, what all nodes' data lie on without one runs full, and the results directory runs full while
# a disk fault is in effect. Expected: exit 4 and a message that says so; the same trial with room
# enough holds. Buggy result: a verdict, above all "holds" where the POS made room again and every
# promise was kept.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
if [ "${HOST_INSIDE:-}" != 1 ]; then
	if ! unshare --mount true 2>/dev/null; then
		echo "SKIP: needs root to mount a small file system"
		exit 77
	fi
	HOST_INSIDE=1 exec unshare --mount "$0" "$@"
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-diskhost-XXXXXX") || exit 1
trap 'umount "$work"/tiny* 2>/dev/null; rm -rf "$work"' EXIT
failed=0
experiment() { # file, mode, fault
	cat >"$work/$1" <<Y
title: $1
target: $top/tests/cases/pos/target.yml
seed: 1
baseline: never
disk: always
env: {MODE: $2}
shoppers: {count: ${4:-12}, arrivals: constant 600/min, basket: 1..2, pace: 1000x, human: none}
faults:
  - $3
settle: 2s
checks: [no-lost-sale, no-duplicate-sale]
Y
}
try() { # name, exit code, words, arguments...
	local name=$1 want=$2 words=$3 code
	shift 3
	timeout 60 "$worstday" run "$@" >"$work/out" 2>&1 </dev/null
	code=$?
	if [ $code = 3 ] && [ "$want" != 3 ]; then
		echo "SKIP: $(tail -n 1 "$work/out")"
		exit 77
	fi
	if [ $code != "$want" ] || ! grep -Eq -- "$words" "$work/out"; then
		echo "$name: exit $code, expected $want and words like /$words/"
		tail -n 20 "$work/out" | sed 's/^/    /'
		failed=1
	else
		echo "ok $name: exit $code"
	fi
}
# A disk of ours has a share of the memory, the smaller the more trials may run at once.
many=(-j 16)
try_both() { # name, fault
	experiment "$1-good.yml" good "$2"
	try "$1, room enough" 0 '^holds' --out "$work/results" "${many[@]}" "$work/$1-good.yml"
	experiment "$1-fills.yml" fills-and-frees "$2"
	try "$1, runs full" 4 "this host could not keep node shop's data .*No space left" \
		--out "$work/results" "${many[@]}" "$work/$1-fills.yml"
	grep -Eq '^(holds|violated)' "$work/out" && echo "$1: a verdict" && failed=1
}
try_both "no fault" "noop: {}"
sed '/^disk: /d; s/fills-and-frees/fills-disk/' "$work/no fault-fills.yml" >"$work/plain.yml"
try "no disk of ours, runs full" 4 "this host could not keep the nodes' data .*No space left" \
	--out "$work/results" "${many[@]}" "$work/plain.yml"
try_both "another fault" "disk.slow: {node: shop, op: fsync, delay: 1ms}"
experiment full.yml good "disk.slow: {node: shop, op: fsync, delay: 1ms}" 60
for kib in 8 32 64; do
	mkdir "$work/tiny$kib" && mount -t tmpfs -o size=${kib}k none "$work/tiny$kib"
	try "results full at $kib KiB" 4 '[Nn]o space left' --out "$work/tiny$kib" "$work/full.yml"
	grep -Eq '^(holds|violated)' "$work/out" && echo "results: a verdict" && failed=1
done
exit $failed
