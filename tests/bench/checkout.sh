#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A checkout on the idle stage against the same till driven bare.
#
#   bare      store, lane and cashier on this machine's loopback
#   one node  the same three as services of one node, on its loopback: limit 1.05 x bare
#   wire      the store on a node of its own, behind the forwarder:   limit 1.30 x bare
#
# The cashier is the same program in all three (checkout.c); the data are on tmpfs in all three.
# All three stand at the same time and take turns, a block of checkouts each, every few
# milliseconds: while one works the others wait for their turn and cost nothing.
#
#   bin/bare ─► cashier ─► bin/one ─► cashier ─► bin/wire ─► cashier ─► bin/bare      (FIFOs)
#
# A ratio is taken within its round, so what else runs on the machine meets all three alike. Where
# the pages of a process happen to lie makes it up to 5 % faster or slower for as long as it lives:
# the three are started afresh TIMES times, each time gives the median of its rounds, and the median
# of those counts with its 95 % interval.
set -u
cd "$(dirname "$0")/../.." || exit 1
rounds=${ROUNDS:-40}
times=${TIMES:-9}
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
	rm -rf "${data:?}"/* "$work/out"
}
trap 'down; rm -rf "$work" "$data"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/bin"
cp "$TILL" "$BENCH/checkout" targets/till/goods.csv "$work/bin"
mkfifo -m 666 "$work/bin/bare" "$work/bin/one" "$work/bin/wire"
chmod -R a+rX "$work"

give_up() {
	echo "$1"
	tail -n 20 "$work"/*.log "$data"/*.log 2>/dev/null
	exit 1
}

# PORT: until something answers there, or 10 s.
answers() {
	curl -sf --retry 100 --retry-connrefused --retry-all-errors --retry-delay 0 \
		--retry-max-time 10 -o "$work/health" "http://127.0.0.1:$1/health"
}

# Every process has a session of its own, as a service has, so that the scheduler's autogroups
# treat all alike; what they say goes into memory, as a service's pipe does.
bare() {
	local store lane
	read -r store lane < <(python3 -c '
import socket
s = [socket.socket() for _ in range(2)]
for x in s: x.bind(("127.0.0.1", 0))
print(*(x.getsockname()[1] for x in s))')
	mkdir "$data/store" "$data/lane"
	"$work/bin/till" init --data "$data/store" --goods "$work/bin/goods.csv" \
		>"$work/init.log" 2>&1
	setsid "$work/bin/till" store --data "$data/store" --port "$store" >"$data/store.log" 2>&1 &
	pids+=($!)
	answers "$store" || return 1
	setsid "$work/bin/till" lane --name lane-1 --store "http://127.0.0.1:$store" \
		--data "$data/lane" --port "$lane" --floor 5000 >"$data/lane.log" 2>&1 &
	pids+=($!)
	answers "$lane" || return 1
	setsid -w "$work/bin/checkout" "$lane" "$rounds" "$work/bin/bare" "$work/bin/one" \
		>"$data/cashier.log" 2>&1 &
	bare_cashier=$!
}

# NAME FILE NEXT: a trial on the stage, in the background.
staged() {
	sed -e "s/BLOCKS/$rounds/" -e "s/MINE/$1/" -e "s/NEXT/$3/" "tests/bench/checkout/$2.yml" \
		>"$work/$2.yml"
	sed "s/one-node.yml/$2.yml/" tests/bench/checkout/trial.yml >"$work/$1-trial.yml"
	"$WORSTDAY" run --quiet --json --out "$work/out" "$work/$1-trial.yml" >"$work/$1.log" &
}

# NUMBER: all three, from their start to their end; leaves what the cashiers measured in $work.
stand() {
	local one wire
	bare || give_up "the bare till does not start"
	staged one one-node wire
	one=$!
	staged wire wire bare
	wire=$!
	pids+=("$one" "$wire")
	printf x >&9
	wait "$one" || give_up "the trial on one node did not work"
	wait "$wire" || give_up "the trial over the wire did not work"
	wait "$bare_cashier" || give_up "the bare cashier did not finish"
	head -c 1 <&9 >"$work/turn" # the last one passed it on to a cashier that has left
	cp "$work"/out/one-trial/latest/logs/shop.cashier.log "$work/one.cashier.$1"
	cp "$work"/out/wire-trial/latest/logs/lane-1.cashier.log "$work/wire.cashier.$1"
	cp "$data/cashier.log" "$work/bare.cashier.$1"
	down
}

exec 9<>"$work/bin/bare" # it waits for whoever is not there yet
for i in $(seq "$times"); do
	stand "$i"
done
python3 - "$work" "$rounds" "$times" <<'P'
import math, statistics, sys
work, rounds, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def read(name, time):
    took = [int(l.split()[2]) for l in open(f"{work}/{name}.cashier.{time}")
            if l.startswith("checkout block")]
    if len(took) != rounds:
        sys.exit(f"{name}: {len(took)} blocks of {rounds}")
    # The first rounds saw the others start, the last ones saw them stop.
    return took[rounds // 20 + 1:-(rounds // 20) - 1]
bare = [read("bare", i + 1) for i in range(times)]
print(f"bare: {statistics.median(map(statistics.median, bare)) / 1e6:.3f} ms a checkout")
for name, words, limit in (("one", "checkout on one idle node / bare", 1.05),
                           ("wire", "checkout over the idle wire / bare", 1.3)):
    took = [read(name, i + 1) for i in range(times)]
    ratios = sorted(statistics.median(t / b for t, b in zip(*pair)) for pair in zip(took, bare))
    half = 0.98 * math.sqrt(times)  # ranks of a 95 % interval of a median
    low = ratios[max(0, math.floor((times - 1) / 2 - half))]
    high = ratios[min(times - 1, math.ceil((times - 1) / 2 + half))]
    print(f"{name}: {statistics.median(map(statistics.median, took)) / 1e6:.3f} ms a checkout, "
          f"{times} times {len(bare[0])} rounds")
    print("figure", words, statistics.median(ratios), "x", "<=", limit, low, high, sep="\t")
P
