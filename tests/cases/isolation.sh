#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Purpose: a node of a running trial that does its worst: its service sends to every address that
#          might lead out, and from its network, with every right over it, come garbage of all sorts
#          and marked packets with forged senders, straight to its eth0.
#
#            host: every interface,            trial:  shop ─┐
#            every address watched     ???  ◄──────    peer ─┼─ wire, 7 faults on bad's links
#                                                      bad ──┘
# Expected: nothing of it is seen on any interface, address or abstract name of the host; the sales
#           of the other nodes, each of which talks to a third node, go on and hold.
# Buggy result: "SEEN …", or a wire that crashed or stopped (exit 4, or sales lost).
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
if [ "$(id -u)" != 0 ] || ! python3 -c 'import socket; socket.socket(17, 3, 768)' 2>/dev/null; then
	echo "SKIP: needs root to listen to the host's interfaces (hostile.sh tries what a service can)"
	exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-isolation-XXXXXX") || exit 1
mark=mark-$$-$RANDOM$RANDOM
watch='' garbage=''
trap "kill \$watch \$garbage 2>/dev/null; rm -rf $work" EXIT
failed=0
bad() {
	echo "FAILED: $*"
	failed=1
}
until_line() { # file, pattern: within 30 s
	local try
	for try in $(seq 300); do
		grep -aqs "$2" "$1" && return 0
		python3 -c 'import select; select.select([], [], [], 0.1)'
	done
	bad "$1: no line like $2"
	return 1
}

mkdir "$work/target"
cp "$top"/tests/cases/isolation/* "$top/tests/cases/many/many.py" "$work/target/"
python3 "$work/target/watch.py" "$mark" >"$work/watch" 2>&1 &
watch=$!
until_line "$work/watch" '^[0-9]*$' || exit 1
port=$(head -n 1 "$work/watch")
addresses=$(hostname -I)
gateway=$(awk '$2 == "00000000" && $3 != "00000000" {print $3; exit}' /proc/net/route |
	sed 's/\(..\)\(..\)\(..\)\(..\)/0x\4 0x\3 0x\2 0x\1/')
# shellcheck disable=SC2086
[ -n "$gateway" ] && addresses="$addresses $(printf '%d.%d.%d.%d' $gateway)"
cat >"$work/isolation.yml" <<Y
title: A hostile node
target: target/target.yml
seed: 1
baseline: never
env: {MARK: $mark, PORT: "$port", ADDRESSES: "$addresses", EACH: "1"}
shoppers: {count: 60, arrivals: constant 60/min, basket: 1..1, pace: 400x, step_timeout: 20s}
faults:
  - net.drop: {between: [bad, "*"], rate: 10%}
  - net.delay: {between: [bad, "*"], delay: 2ms, jitter: 1ms, shape: normal}
  - net.duplicate: {between: [bad, "*"], rate: 10%, gap: 1ms}
  - net.corrupt: {between: [bad, "*"], rate: 20%, bits: 4, checksum: fixed}
  - net.reorder: {between: [bad, "*"], rate: 10%, hold: 3ms}
  - net.rate: {between: [bad, "*"], speed: 2 MB}
  - net.mtu: {between: [bad, "*"], size: 1000 B}
settle: 5s
checks: [no-lost-sale, no-duplicate-sale, right-amount]
Y
"$worstday" run --quiet --out "$work/results" "$work/isolation.yml" >"$work/out" 2>&1 &
harness=$!
# The bad node's network, from outside: root may enter it.
inside=''
for try in $(seq 300); do
	for p in $(pgrep -f '^/usr/bin/python3 /target/bad.py'); do
		grep -aqs "$mark" "/proc/$p/environ" && inside=$p
	done
	[ -n "$inside" ] && break
	kill -0 $harness 2>/dev/null || break
	python3 -c 'import select; select.select([], [], [], 0.1)'
done
if [ -n "$inside" ]; then
	# shellcheck disable=SC2086
	nsenter -t "$inside" -n python3 "$work/target/garbage.py" "$mark" $addresses 127.0.0.1 ::1 \
		255.255.255.255 10.77.0.255 224.0.0.1 169.254.1.1 ff02::1 ff02::2 fe80::1 2001:db8::1 \
		>"$work/garbage" 2>&1 &
	garbage=$!
	until_line "$work/garbage" throwing
else
	bad "the bad node was not found"
fi
wait $harness
code=$?
[ $code = 0 ] || { bad "exit $code"; tail -n 20 "$work/out"; }
if [ -n "$garbage" ]; then
	kill $garbage 2>/dev/null
	wait $garbage
	tail -n 1 "$work/garbage"
	sent=$(sed -n 's/^\([0-9]*\) sent.*/\1/p' "$work/garbage")
	[ "${sent:-0}" -gt 2000 ] || bad "only ${sent:-0} frames of garbage"
fi
python3 - <<'P' # so that the watch has surely something to see
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
P
kill $watch
wait $watch
watch=''
grep -a SEEN "$work/watch" && bad "something of the trial was seen on the host"
tail -n 1 "$work/watch"
[ "$(sed -n 's/^packets //p' "$work/watch")" -gt 0 ] || bad "the watch is blind"
log=$(find "$work/results" -name 'bad.bad.log' | head -n 1)
grep -a '^tried' "$log"
[ "$(grep -ac '^asked the peer' "$(dirname "$log")/shop.pos.log")" = 60 ] || bad "not all sales asked"
exit $failed
