#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A trial's own cost (<= 30 ms without POS start-up) and trials per second (>= 20, six nodes, -j2).
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-bench-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
n=${TRIALS:-100}
start=$(date +%s%N)
"$WORSTDAY" run --quiet -j2 --seeds "$n" --out "$work" tests/bench/six/trial.yml >"$work/log" 2>&1 ||
	{ tail -n 20 "$work/log"; exit 1; }
end=$(date +%s%N)
python3 - "$work" "$n" $((end - start)) <<'P'
import glob, json, statistics, sys
work, n, ns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
own = []
for f in glob.glob(work + "/**/verdict.json", recursive=True):
    if "/latest/" in f:
        continue
    v = json.load(open(f))
    own.append(v["facts"]["own_ns"] / 1e6)
rate = n / (ns / 1e9)
print(f"trials: {len(own)}; own cost median {statistics.median(own):.1f} ms, "
      f"p95 {sorted(own)[int(len(own) * .95) - 1]:.1f} ms (limit 30 ms)")
print(f"trials per second with -j2: {rate:.1f} (limit 20)")
sys.exit(0 if statistics.median(own) <= 30 and rate >= 20 else 1)
P
