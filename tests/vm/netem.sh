#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the guest (tests/vm/run tests/vm/netem.sh): every kind of fault with both back ends on one
# measured link, and the reference till under netem. Prints what arrived; judge.py judges it.
#
#   BACKENDS   "netem wire"      which        CASES   patterns of names, default all
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
probe=${PROBE:-$top/build/vm/bin}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-vm-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT

target() { # env of the sender
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
shoppers: {count: ${shoppers:-1}, arrivals: constant 60/min, lanes: [lane], basket: 1, human: none,
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
	find "$work/out" -name events.ndjson -exec grep -h '"kind":"fired"' {} + |
		sed 's/.*"node":"\([^"]*\)".*"did":"\(.*\)"}}/fired \1: \2/' >"$work/fired"
	echo "events $(wc -l <"$work/fired")"
	head -n 40 "$work/fired"
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
