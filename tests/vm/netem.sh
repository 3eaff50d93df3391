#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the guest (tests/vm/run tests/vm/netem.sh): every kind of fault with both back ends on one
# measured link, on and off again, beside the other back end, killed in the middle; and the
# reference till under netem. Prints what arrived; judge.py judges it.
#
#   BACKENDS   "netem wire"      which        CASES   patterns of names, default all
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
probe=${PROBE:-$top/build/vm/bin}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-vm-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT

target() { # env of the sender; $depot: a third node
	cat >"$work/target.yml" <<Y
name: link
title: One measured link
key: {plant: field, field: key}
nodes:
  store:
    mounts: {/opt/probe: $probe}
    services:
      - {name: recv, run: [/opt/probe/probe, recv], ready: {log: /^ready/}, end: any,
         stop_within: 500ms}
  lane:
    mounts: {/opt/probe: $probe}
    services:
      - {name: idle, run: [/bin/sleep, "100000"], end: any, stop_within: 500ms}
$depot
lanes: [lane]
goods: [{sku: APPLE, price: 129}]
driver:
  script: {run: [/opt/probe/probe, send], ops: [sell], env: {$1}}
Y
}

experiment() { # the faults
	cat >"$work/x.yml" <<Y
title: $name
target: target.yml
seed: 1
baseline: never
shoppers: {count: ${shoppers:-1}, arrivals: constant 20/min, lanes: [lane], basket: 1, human: none,
  step_timeout: 300s}
faults:
$1
settle: 1s
deadline: 600s
checks: [answered-sales]
Y
}

wanted() {
	[ -z "$CASES" ] && return 0
	for pattern in $CASES; do
		case $1 in $pattern) return 0 ;; esac
	done
	return 1
}

# Runs it and prints, between two marked lines, what arrived and what the report says.
run() { # backend
	rm -rf "$work/out"
	"$worstday" run --out "$work/out" "$work/x.yml" >"$work/said" 2>&1
	code=$?
	echo "=== $name $1 exit $code"
	[ $code = 0 ] || cat "$work/said"
	find "$work/out" -name store.recv.log -exec cat {} +
	find "$work/out" -name depot.recv.log -exec sed 's/^/also /' {} +
	find "$work/out" -name events.ndjson -exec grep -h '"kind":"fired"' {} + |
		sed 's/.*"node":"\([^"]*\)".*"did":"\(.*\)"}}/fired \1: \2/' >"$work/fired"
	echo "events $(wc -l <"$work/fired"), of the wire $(grep -c '^fired lane: .* pass ' "$work/fired")"
	grep ' packets to ' "$work/fired"
	grep -v ' packets to ' "$work/fired" | head -n 40
	find "$work/out" -name verdict.json -exec grep -h 'netem' {} + | head -n 3 | cut -c1-200 | sed 's/^/report /'
	echo "=== end"
}

try() { # name, env of the sender, fault, options...
	name=$1
	wanted "$name" || return 0
	env=$2
	shift 2
	for backend in ${BACKENDS:-netem wire}; do
		faults=
		for f in "$@"; do
			faults="$faults  - ${f%\}}, between: [lane, store], backend: $backend}
"
		done
		target "$env"
		experiment "$faults"
		run "$backend"
	done
}

# Off in the first sale, on in the second, healed in the third.
pair() { # fault with its options
	name=${1%%:*}
	name=pair-${name#net.}
	wanted "$name" || return 0
	target 'TO: 10.77.0.1, COUNT: "200", GAP_US: "1000", WAIT_MS: "600"'
	shoppers=3
	experiment "  - ${1%\}}, between: [lane, store], backend: netem}
    when: {after: 1 sales, for: 1 sales}"
	run netem
	shoppers=
}

# Two back ends at a time, on two links of one node.
beside() { # how many datagrams
	depot="  depot:
    mounts: {/opt/probe: $probe}
    services:
      - {name: recv, run: [/opt/probe/probe, recv], ready: {log: /^ready/}, end: any,
         stop_within: 500ms}"
	target "TO: 10.77.0.1, ALSO: 10.77.0.3, COUNT: \"$1\", GAP_US: \"1000\""
	depot=
	experiment '  - net.drop: {between: [lane, store], rate: 20%, backend: netem}
  - net.drop: {between: [lane, depot], rate: 20%}'
}

# What a run could leave behind. Kernel threads have no command line.
state() {
	for p in /proc/[0-9]*; do
		[ -s "$p/cmdline" ] || [ -n "$(cat "$p/cmdline" 2>/dev/null)" ] || continue
		grep -qs "^PPid:[[:space:]]$$\$" "$p/status" || [ "${p#/proc/}" = $$ ] ||
			echo "process $(tr '\0' ' ' <"$p/cmdline" 2>/dev/null | cut -c1-60)"
	done | sort
	sed 's/^[0-9]* [0-9]* /mount /' /proc/self/mountinfo | sort
	for i in /sys/class/net/*; do echo "interface ${i##*/}"; done
	find /sys/fs/cgroup "${TMPDIR:-/tmp}" -maxdepth 1 -name '*worstday*' 2>/dev/null | sed 's/^/file /'
	find "$work" -name '.tmp*' | sed 's/^/file /'
}

# SIGKILL to the harness once both back ends are armed; then nothing of it may be left within 2 s.
killed() {
	state >"$work/before"
	for n in 1 2 3 4 5; do
		rm -rf "$work/out"
		"$worstday" run --quiet --out "$work/out" "$work/x.yml" >"$work/said" 2>&1 &
		pid=$!
		for try in $(seq 600); do
			[ "$(find "$work/out" -name events.ndjson -exec grep -h '"kind":"armed"' {} + 2>/dev/null |
				wc -l)" = 2 ] && break
			usleep 20000
		done
		[ "$n" = 1 ] || usleep $((n * 137000))
		kill -0 $pid && echo "running when killed" || tail -n 3 "$work/said"
		state | cmp -s - "$work/before" && echo "blind: a running harness is not seen"
		kill -9 $pid
		wait $pid 2>/dev/null
		for try in $(seq 40); do
			state >"$work/after"
			cmp -s "$work/before" "$work/after" && break
			usleep 50000
		done
		if cmp -s "$work/before" "$work/after"; then
			echo "clean"
		else
			diff "$work/before" "$work/after" | sed 's/^/left behind: /'
		fi
	done
}

each='TO: 10.77.0.1, COUNT: "3000", GAP_US: "1000"'
each6="${each#*, }"
"$worstday" doctor | grep '^..   netem' | sed 's/^/doctor: /'
try drop "$each" 'net.drop: {rate: 20%}'
try drop-bursts "$each" 'net.drop: {rate: 20%, burst: 5}'
try drop-ipv6 "$each6, TO: \"fd77::1\"" 'net.drop: {rate: 20%}'
try drop-away "$each, WAIT_MS: \"100\"" 'net.drop: {rate: 20%, direction: to}'
try delay-uniform "$each" 'net.delay: {delay: 20ms, jitter: 10ms, overtake: true}'
try delay-normal "$each" 'net.delay: {delay: 40ms, jitter: 5ms, shape: normal, overtake: true}'
try delay-exponential "$each" \
	'net.delay: {delay: 10ms, jitter: 5ms, shape: exponential, overtake: true}'
try delay-in-order "$each" 'net.delay: {delay: 20ms, jitter: 10ms}'
try duplicate "$each" 'net.duplicate: {rate: 10%}'
try reorder "$each" 'net.reorder: {rate: 25%, hold: 10ms}'
try corrupt "$each" 'net.corrupt: {rate: 30%}'
try rate 'TO: 10.77.0.1, COUNT: "200", GAP_US: "0", SIZE: "972", WAIT_MS: "4000"' \
	'net.rate: {speed: 64 kB, queue: 1 MB, burst: 2 kB}'
try rate-full 'TO: 10.77.0.1, COUNT: "200", GAP_US: "0", SIZE: "972", WAIT_MS: "2000"' \
	'net.rate: {speed: 64 kB, queue: 32 kB, burst: 2 kB}'
try together "$each" 'net.drop: {rate: 10%}' 'net.delay: {delay: 15ms}' \
	'net.rate: {speed: 100 kB}'
try segments 'TO: 10.77.0.1, TCP: "3000000", WAIT_MS: "600"' 'net.delay: {delay: 1ms}'
pair 'net.drop: {rate: 50%}'
pair 'net.delay: {delay: 50ms}'
pair 'net.duplicate: {rate: 50%}'
pair 'net.corrupt: {rate: 50%}'
pair 'net.reorder: {rate: 30%, hold: 20ms}'
pair 'net.rate: {speed: 32 kB/s, queue: 1 MB, burst: 2 kB}'
name=beside
if wanted beside; then
	beside 3000
	run netem
fi
name=killed
if wanted killed; then
	beside 15000
	echo "=== killed netem exit 0"
	killed
	echo "=== end"
fi

# The reference till, with the smoke experiments of those that netem can do, twice over: the
# second trial finds the namespaces of the first.
for fault in drop delay duplicate reorder corrupt; do
	name=till-$fault
	wanted "$name" || continue
	more=
	[ $fault = corrupt ] && more='--set faults[0].net.corrupt.rate=30%' # else too few to be sure
	echo "=== $name netem"
	(cd "$top" && "$worstday" run --out "$work/out" --seeds 2 \
		--set "faults[0].net.$fault.backend=netem" --set shoppers.count=60 \
		--set "faults[0].when.for=50 sales" $more "experiments/smoke/net.$fault.yml"
		echo "exit $?") 2>&1 | cat
	echo "=== end"
done
exit 0
