#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A checkout on the idle stage against the same till driven bare.
#
#   bare      store, lane and cashier on this machine's loopback
#   one node  the same three as services of one node, on its loopback: limit 1.05 x bare
#   wire      the store on a node of its own, behind the forwarder:   limit 1.30 x bare
#
# The cashier is the same program in all three (checkout.c); the data are on tmpfs in all three.
# Rounds take turns, a ratio is taken within its round, and the median of the ratios counts: what
# else runs on the machine meets all three alike.
set -u
cd "$(dirname "$0")/../.." || exit 1
rounds=${ROUNDS:-14} blocks=12
memory=/dev/shm
[ "$(stat -f -c %T "$memory" 2>/dev/null)" = tmpfs ] || {
	echo "SKIP: no tmpfs at $memory for the bare till's data"
	exit 0
}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-bench-XXXXXX") || exit 1
data=$(mktemp -d "$memory/wd-bench-XXXXXX") || exit 1
pids=()
down() {
	[ ${#pids[@]} -eq 0 ] || { kill "${pids[@]}" && wait "${pids[@]}"; } 2>/dev/null
	pids=()
}
trap 'down; rm -rf "$work" "$data"' EXIT
mkdir "$work/bin"
cp tests/bench/checkout/*.yml "$work"
cp "$TILL" "$BENCH/checkout" targets/till/goods.csv "$work/bin"
chmod -R a+rX "$work"

# PORT: until something answers there, or 10 s.
answers() {
	curl -sf --retry 100 --retry-connrefused --retry-all-errors --retry-delay 0 \
		--retry-max-time 10 -o "$work/health" "http://127.0.0.1:$1/health"
}

# Prints the cashier's line. Every process has a session of its own, as a service has, so that the
# scheduler's autogroups treat both alike; what they say goes into memory, as a service's pipe does.
bare() {
	local store lane
	read -r store lane < <(python3 -c '
import socket
s = [socket.socket() for _ in range(2)]
for x in s: x.bind(("127.0.0.1", 0))
print(*(x.getsockname()[1] for x in s))')
	rm -rf "$data/store" "$data/lane" && mkdir "$data/store" "$data/lane"
	"$work/bin/till" init --data "$data/store" --goods "$work/bin/goods.csv" >"$work/log" 2>&1
	setsid "$work/bin/till" store --data "$data/store" --port "$store" >"$data/log" 2>&1 &
	pids=($!)
	answers "$store" || return 1
	setsid "$work/bin/till" lane --name lane-1 --store "http://127.0.0.1:$store" \
		--data "$data/lane" --port "$lane" --floor 5000 >>"$data/log" 2>&1 &
	pids+=($!)
	answers "$lane" && setsid -w "$work/bin/checkout" "$lane" $blocks
}

# NAME NODE: a trial on the stage; prints its cashier's line.
staged() {
	rm -rf "$work/out/trial"
	"$WORSTDAY" run --quiet --json --out "$work/out" --set "target=$work/$1.yml" \
		"$work/trial.yml" >"$work/log" || return 1
	cat "$work/out/trial/latest/logs/$2.cashier.log"
}

note() {
	[[ $2 =~ median\ ([0-9]+)\ ns ]] || return 1
	printf '%s ' "${BASH_REMATCH[1]}" >>"$work/$1"
}

for ((i = 0; i < rounds; i++)); do
	bare >"$work/line" && note bare "$(cat "$work/line")" &&
		down &&
		note one "$(staged one-node shop)" && note wire "$(staged wire lane-1)" || {
		echo "round $i did not work:"
		cat "$work/log" "$data/log" "$work/line"
		exit 1
	}
done
python3 - "$work" <<'P'
import statistics, sys
read = lambda name: [int(x) / 1e6 for x in open(f"{sys.argv[1]}/{name}").read().split()]
bare, failed = read("bare"), False
print(f"bare      {statistics.median(bare):7.3f} ms a checkout (median of {len(bare)} rounds)")
for name, limit in (("one", 1.05), ("wire", 1.3)):
    took = read(name)
    ratios = sorted(t / b for t, b in zip(took, bare))
    ratio = statistics.median(ratios)
    failed |= ratio > limit
    print(f"{name:9} {statistics.median(took):7.3f} ms, {ratio:.3f} x bare "
          f"(limit {limit}; quartiles {ratios[len(ratios) // 4]:.3f} to "
          f"{ratios[len(ratios) * 3 // 4]:.3f}): {'ok' if ratio <= limit else 'MISSED'}")
sys.exit(failed)
P
