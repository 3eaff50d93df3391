#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# POS software that nobody here wrote (make targets first): what the harness costs it.
#
#   own cost      staging, reading the books and judging, with all that is written; without the
#                 start-up of POS and driver, the sales, the settling and the POS's own stopping
#   fresh copy    staging, the copy of the prepared data included
#   rate          sales per second with nothing armed, by the same driver as the same POS beside it
#                 that is driven without the harness; then with its data on the file system that can
#                 fail. The sides take turns; a round's ratio is one figure, and the median counts.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-bench-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
rounds=${ROUNDS:-3} sales=${SALES:-40}
[ "$(id -u)" = 0 ] || { echo "SKIP: needs root: the POS beside it runs as users of its own"; exit 0; }

# TARGET MODE: one trial; its figures go to $work/TARGET.MODE
inside() {
	cat >"$work/$1.yml" <<Y
title: As fast as it goes
target: $PWD/targets/$1/target.yml
seed: 1
baseline: never
disk: $2
shoppers: {count: $sales, arrivals: constant 1000/s, basket: 1..3, pace: 1000x, human: none, retries: 0}
settle: 20s
checks: [no-lost-sale]
Y
	"$WORSTDAY" run --quiet --json -j1 --out "$work/out" "$work/$1.yml" >"$work/said" || {
		cat "$work/said"
		return 1
	}
	python3 - "$work" "$1" "$2" <<'P'
import glob, json, os, sys
work, target, mode = sys.argv[1:]
newest = max(glob.glob(f"{work}/out/**/verdict.json", recursive=True), key=os.path.getmtime)
at = {}
for line in open(os.path.join(os.path.dirname(newest), "events.ndjson")):
    e = json.loads(line)["event"]
    if e["kind"] == "phase":
        at.setdefault(e["object"], e["t_ns"])
told = sum(json.loads(l)["told"]["outcome"] == "ok"
           for l in open(os.path.join(os.path.dirname(newest), "told.ndjson")))
with open(f"{work}/{target}.{mode}", "a") as f:
    stage, wall = at["start"] - at["stage"], json.load(open(f"{work}/said"))["results"][0]["wall_ns"]
    json.dump({"rate": told / ((at["close"] - at["open"]) / 1e9), "stage_ns": stage,
               "own_ns": stage + at["stop"] - at["books"] + wall - at["judge"]}, f)
    f.write("\n")
P
}

outside() { # target
	local prepared
	prepared=$(ls -d "$work"/out/.cache/prepared-"$1"-* | head -n 1)
	TMPDIR=$work timeout 300 unshare --mount --net --pid --fork --kill-child tests/bench/outside.py \
		"targets/$1/target.yml" "$prepared" "$sales" >>"$work/$1.outside"
}

for target in ${TARGETS:-tryton vendure}; do
	if [ ! -e "build/rootfs/$target/.stamp" ]; then
		echo "SKIP: $target is not prepared: make targets"
		continue
	fi
	mkdir -p "$work/out"
	inside $target as-needed && rm "$work/$target.as-needed" || exit 1 # prepares its data
	for ((i = 0; i < rounds; i++)); do
		inside $target as-needed && outside $target && inside $target always || exit 1
	done
	python3 - "$work" $target <<'P'
import json, statistics, sys
work, target = sys.argv[1:]
def rows(mode):
    return [json.loads(l) for l in open(f"{work}/{target}.{mode}")]
def figure(words, values, unit, bound, limit):
    v = sorted(values)
    print("figure", f"{target}: {words}", statistics.median(v), unit, bound, limit, v[0], v[-1], sep="\t")
idle, disk = rows("as-needed"), rows("always")
beside = [float(l) for l in open(f"{work}/{target}.outside")]
figure("staging with a fresh copy of its data", [r["stage_ns"] / 1e6 for r in idle], "ms", "<=", 1000)
figure("own cost of a trial", [r["own_ns"] / 1e6 for r in idle], "ms", "<=", 150)
figure("sales per second", [r["rate"] for r in idle], "/s", "-", 0)
figure("of its rate without the harness", [r["rate"] / b for r, b in zip(idle, beside)], "", ">=", 0.9)
figure("the same with its data on the disk that can fail", [r["rate"] / b for r, b in zip(disk, beside)], "", ">=", 0.7)
P
done
