#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: faults on names and IPv6, in whole runs with a till that asks for its store's name.
# Expected: each altered answer is one event; the harness's own readiness command meets no fault and
# counts for none; a till that remembers makes the fault inconclusive; the same seed makes the same
# decisions; nodes reach each other by IPv6 and faults on packets act on it.
# Buggy result: exit 0 because a fault "fired" on our own probe, or on nothing.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-names-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
failed=0

bad() {
	echo "$1:"
	sed 's/^/    /' "$work/out"
	failed=1
}

# name, the till's environment, faults (\n between lines), exit code, words
run() {
	local name=$1 env=$2 faults=$3 code=$4 words=$5 got
	rm -rf "$work/target"
	cp -r "$top/tests/cases/names" "$work/target"
	sed -i -e "s/{HOST: db.example.com}/{${env:-HOST: db.example.com}}/" -e "${edit:-}" \
		"$work/target/target.yml"
	printf '%b' "target: $work/target/target.yml
seed: 3
baseline: never
shoppers: {count: 6, arrivals: constant 60/min, basket: 1..1, pace: 400x, retries: 0}
faults:
$faults
settle: 10s
checks: [no-lost-sale]
" >"$work/$name.yml"
	rm -rf "${work:?}/results"
	timeout 60 "$worstday" run --out "$work/results" "$work/$name.yml" >"$work/out" 2>&1 </dev/null
	got=$?
	if [ "$got" != "$code" ] || ! grep -Eqi -- "$words" "$work/out"; then
		bad "$name: exit $got, expected $code and words like /$words/ in"
	else
		echo "ok $name: exit $got"
	fi
}

# what the faults did: object and words, in order
fired() {
	sed -n 's/.*"kind":"fired".*"object":"\([^"]*\)","did":"\([^"]*\)".*/\1 \2/p' \
		"$work"/results/*/latest/events.ndjson
}

expect() { # words of the events, as one line
	[ "$(fired | paste -sd,)" = "$1" ] || {
		fired >"$work/out"
		bad "events are not \"$1\" but"
	}
}

one='  - dns.fail: {node: lane-*, name: db.example.com, fail: nxdomain}\n    when: {nth: 2}'
run one-question '' "$one" 0 'told ok 5.*unknown 1'
expect 'lane-1>db.example.com A#2 answered NXDOMAIN'

run remembers 'CACHE: "1"' "$one" 2 'dns.fail never fired'

# readiness is asked by a command in the node, while that node's names fail
run own-probe '' '  - dns.fail: {node: store}
  - process.restart: {service: store/store, polite: false}
    when: {after: 2 sales}' 2 'dns.fail never fired'
grep -q '"kind":"service".*store/store/1.*ready\|ready.*store/store/1' \
	"$work"/results/*/latest/events.ndjson || {
	grep store/store "$work"/results/*/latest/events.ndjson >"$work/out"
	bad "the restarted store never became ready"
}

run nobody '' '  - dns.wrong: {name: db.example.com}\n    when: {nth: 3}' 0 'told ok 5.*unknown 1'
expect 'lane-1>db.example.com A#3 answered 10.77.0.254'

run late '' '  - dns.slow: {delay: 80ms}\n    when: {nth: 1..2}' 0 'told ok 6'
expect 'lane-1>db.example.com A#1 answered late by 80.000 ms,lane-1>db.example.com A#2 answered late by 80.000 ms'

some='  - dns.fail: {name: "*", rate: 50%, fail: servfail}'
run twice-a '' "$some" 0 holds
fired >"$work/first"
run twice-b '' "$some" 0 holds
fired >"$work/second"
cmp -s "$work/first" "$work/second" && [ -s "$work/first" ] || {
	diff "$work/first" "$work/second" >"$work/out"
	bad "the same seed decided differently"
}

# IPv6 from end to end
run v6-good 'V6: "1", HOST: store' '  - noop: {}' 0 'told ok 6'
run v6-refused 'V6: "1", HOST: store' '  - net.refuse: {between: [lane-1, store]}\n    when: {nth: 2}' \
	0 'told ok 5.*unknown 1'
fired | grep -q '^lane-1>store tcp6/8000#2 refused' || bad "no IPv6 connection was refused"

# the old way
edit='s/^currency:/resolve: hosts\n&/'
run hosts '' '  - noop: {}' 0 'told ok 6'
run hosts-dns '' "$one" 65 'resolve: hosts'

# a node with a root of its own, and a resolver that is not glibc's
if command -v musl-gcc >/dev/null; then
	mkdir -p "$work/root/etc"
	echo "nameserver 192.0.2.1" >"$work/root/etc/resolv.conf"
	echo "192.0.2.1 store db.example.com" >"$work/root/etc/hosts"
	musl-gcc -static -o "$work/root/look" "$top/tests/cases/names/look.c" || exit 1
	look='{name: look, run: [/look, store, db.example.com],'
	look+=' ready: {log: /^found 10.77.0.2 10.77.0.2/}}'
	edit="s|^nodes:|&\\n  old:\\n    rootfs: ../root\\n    services: [$look]|"
	run rootfs '' '  - noop: {}' 0 'told ok 6'
else
	echo "without a root of its own: musl-gcc is not installed"
fi
exit $failed
