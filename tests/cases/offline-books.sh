#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: are sales that a till calls offline asked for in the states of a power cut?
# Expected: a POS that says so of every sale, and syncs none, holds where the books are somebody
# else's until later, and loses sales where `offline: true` says that they are in these at once.
# Buggy result: a lost sale that nobody asked for, or one that could not be there yet.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-offline-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp "$top"/tests/cases/journal/* "$work"
bad=0
for here in false true; do
	sed "s|\(url: .*\)}|\1, offline: $here}|; s|\(total: .*}\)}|\1, take: {offline: /offline}}|" \
		"$top/tests/cases/journal/target.yml" >"$work/target.yml"
	cat >"$work/offline.yml" <<END
title: Sold offline
target: $work/target.yml
seed: 1
baseline: never
shoppers: {count: 6, arrivals: constant 60/min, lanes: [shop], basket: 1..3, pace: 400x}
faults:
  - power.cut: {node: shop, explore: 4}
settle: 10s
rest: 200ms
checks: [no-lost-sale, no-duplicate-sale, no-phantom-sale, right-amount]
END
	"$worstday" run --out "$work/results" "$work/offline.yml" --set 'env={MODE: lazy}' \
		>"$work/out" 2>&1 </dev/null
	code=$?
	[ "$code" = 3 ] && [ $bad = 0 ] && echo "SKIP: $(tail -n 1 "$work/out")" && exit 77
	[ "$code" = "$([ $here = true ] && echo 1 || echo 0)" ] ||
		{ echo "offline: $here, exit $code"; tail -n 20 "$work/out"; bad=1; }
	grep -q '"offline":true' "$work/results/offline/latest/told.ndjson" ||
		{ echo "offline: $here, nobody sold offline"; bad=1; }
done
exit $bad
