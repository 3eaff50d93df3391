#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: SIGKILL of the harness at random moments leaves the host as it was within 2 s.
# Expected: after each kill no process, mount, interface, namespace, cgroup or file of ours is left.
# Buggy result: "left behind: ..." with the list. KILLS=1000 in `make soak`.
#
# Runs in a PID and mount namespace of its own, so that every process it sees is one of ours.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
if [ "${SIGKILL_INSIDE:-}" != 1 ]; then
	if ! unshare --pid --fork --mount --mount-proc true 2>/dev/null; then
		echo "SKIP: needs root for a PID namespace of its own"
		exit 77
	fi
	SIGKILL_INSIDE=1 exec unshare --pid --fork --mount --mount-proc "$0" "$@"
fi
kills=${KILLS:-12}
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-sigkill-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work/tmp
mkdir "$TMPDIR"

cat >"$work/kill.yml" <<'Y'
title: A morning that is cut short
target: TARGET
seed: 1
shoppers: {count: 400, arrivals: constant 60/min, lanes: [shop], basket: 1..3, pace: 200x}
faults:
  - process.kill: {service: shop/pos}
    when: {on: told ok, nth: 2..100+7}
  - disk.slow: {node: shop, delay: 2ms}
  - disk.slow: {node: shop, op: fsync, delay: 1h, rate: 5%, stall: true}
    when: {after: 20 sales}
settle: 5s
checks: [no-lost-sale]
Y
# Every other time: a node without ports, in activations that overlap.
cat >"$work/ports.yml" <<'Y'
title: A morning that is cut short without a port
target: TARGET
seed: 1
shoppers: {count: 400, arrivals: constant 60/min, lanes: [shop], basket: 1..3, pace: 200x}
faults:
  - net.port-exhaustion: {node: shop}
    when: {on: told ok, nth: 1..400, for: 10min}
    min_hits: 0
settle: 5s
checks: [no-lost-sale]
Y
sed -i "s|TARGET|$top/tests/cases/pos/target.yml|" "$work/kill.yml" "$work/ports.yml"

# What a run could leave behind, one line per thing.
state() {
	for p in /proc/[0-9]*; do
		pid=${p#/proc/}
		[ "$pid" = $$ ] || [ "$pid" = "$BASHPID" ] || [ ! -r "$p/stat" ] ||
			grep -qs "^PPid:[[:space:]]$$\$" "$p/status" && continue
		printf 'process %s %s\n' "$pid" "$(tr '\0' ' ' <"$p/cmdline" 2>/dev/null | cut -c1-80)"
	done
	sed 's/^[0-9]* [0-9]* /mount /' /proc/self/mountinfo | sort
	for i in /sys/class/net/*; do echo "interface ${i##*/}"; done
	find /sys/fs/cgroup -name '*worstday*' 2>/dev/null | sed 's/^/cgroup /'
	find "$work" -name ".tmp*" | sed 's/^/file /'
	find "${TMPDIR:-/tmp}" -maxdepth 1 -name '*worstday*' 2>/dev/null | sed 's/^/file /'
}

# Warm the cache, so that kills land in trials.
"$worstday" run --quiet --set shoppers.count=3 --set faults=[] --out "$work/results" \
	"$work/kill.yml" >/dev/null 2>&1
state >"$work/before"
failed=0
for n in $(seq "$kills"); do
	file=kill
	[ $((n % 2)) = 0 ] && file=ports
	if [ $((n % 4)) = 3 ]; then # and a shell, with what is armed in it by hand
		file=shell
		(cd "$work" && exec "$worstday" shell "$top/tests/cases/pos/target.yml" --no-prompt \
			-p shop:8000) >"$work/out" 2>&1 </dev/null &
	else
		"$worstday" run --quiet --out "$work/results" "$work/$file.yml" >"$work/out" 2>&1 &
	fi
	pid=$!
	[ $file = shell ] && python3 -c 'import select; select.select([], [], [], 0.8)' &&
		"$worstday" ctl --trial $pid arm process.limit '{service: pos}' >/dev/null 2>&1
	python3 -c 'import select,random; select.select([], [], [], random.random() * 1.5)'
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	for try in $(seq 40); do
		state >"$work/after"
		cmp -s "$work/before" "$work/after" && break
		python3 -c 'import select; select.select([], [], [], 0.05)'
	done
	if ! cmp -s "$work/before" "$work/after"; then
		echo "kill $n ($file.yml): left behind after 2 s:"
		diff "$work/before" "$work/after" | grep '^[<>]'
		failed=1
		break
	fi
done
[ $failed = 0 ] && echo "killed $kills times, nothing left behind"
exit $failed
