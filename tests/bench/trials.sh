#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a trial itself costs, on a target of six nodes that do nothing.
#
#   own cost   staging, judging, teardown, reports, fsync and rename, without the services'
#              start-up and the shopping; one trial at a time; limit 30 ms (median)
#   rate       trials per second with -j2, start-up and shopping included; limit 20.
#              The best of three batches: what else runs on the machine can only slow it.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-bench-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
n=${TRIALS:-60}

# NAME ARGUMENTS...: one suite; its summary as JSON in $work/NAME.json, its wall time beside it.
suite() {
	local name=$1 start end
	shift
	start=$(date +%s%N)
	"$WORSTDAY" run --quiet --json --seeds "$n" --out "$work/$name" "$@" \
		tests/bench/six/trial.yml >"$work/$name.json" || {
		cat "$work/$name.json"
		return 1
	}
	end=$(date +%s%N)
	echo $((end - start)) >"$work/$name.ns"
}

suite one -j1 && suite two-1 -j2 && suite two-2 -j2 && suite two-3 -j2 || exit 1
python3 - "$work" "$n" <<'P'
import json, statistics, sys
work, n = sys.argv[1], int(sys.argv[2])
own = sorted(r["own_ns"] / 1e6 for r in json.load(open(work + "/one.json"))["results"])
median = statistics.median(own)
rates = [n / (int(open(f"{work}/two-{i}.ns").read()) / 1e9) for i in (1, 2, 3)]
def figure(*fields):
    print("figure", *fields, sep="\t")
figure("own cost of a trial", median, "ms", "<=", 30, own[n // 4], own[n * 3 // 4])
figure("trials per second, -j2", max(rates), "/s", ">=", 20, min(rates), max(rates))
P
