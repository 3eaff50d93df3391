#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Crash states of the reference till a second: what 200 more of them take, in pairs. ROUNDS=n.
set -euo pipefail
out=$(mktemp -d "${TMPDIR:-/tmp}/wd-bench-states-XXXXXX")
trap 'rm -rf "$out"' EXIT
took() { # states: how long a trial with so many takes, in ms
	local before=${EPOCHREALTIME/./}
	"$WORSTDAY" run --out "$out" experiments/gate/till/power-cut-anywhere.yml --quiet --keep none \
		--set baseline=never --set "faults[0]={power.cut: {node: store, model: strict, explore: $1}}" \
		>"$out/log" 2>&1 </dev/null || { code=$?; tail -n 3 "$out/log" >&2; [ $code = 3 ] &&
		echo "SKIP: $(tail -n 1 "$out/log")" && exit 0; exit 1; }
	ms=$(((${EPOCHREALTIME/./} - before) / 1000))
}
took 1 # warms up, and says whether it can be done here at all
for ((i = 0; i < ${ROUNDS:-5}; i++)); do
	took 50
	few=$ms
	took 250
	echo "$((200 * 1000000 / (ms - few)))"
done | sort -n >"$out/rates"
awk '{v[NR] = $1 / 1000} END {printf "figure\tcrash states of the till\t%.1f\ta second\t>=\t20\t%.1f\t%.1f\n", v[int((NR + 1) / 2)], v[1], v[NR]}' "$out/rates"
