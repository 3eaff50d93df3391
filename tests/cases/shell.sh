#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: a target that somebody works with: faults by hand, a sale, the books, programs in a node,
#          a port for people, and what was done as an experiment.
#
#     curl ──► 127.0.0.1:PORT ─┐                     worstday exec ─► in the node of the service
#     worstday ctl ────────────┴─► worker: shop      worstday run  ◄─ worstday exec --trial
#
# Expected: each word does what it says and exits as documented; bad words are refused with what
# would have been right; the saved file is valid and runs; afterwards nothing is left. Buggy result:
# a word that hangs, a fault that stays, or a process, folder or port that is still there.
# timeout: 120
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-shell-XXXXXX") || exit 1
chmod 755 "$work"
shell=''
trap '[ -n "$shell" ] && kill -9 "$shell" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
bad() {
	echo "FAILED: $*"
	failed=1
}
# what, exit code, pattern, command...
expect() {
	local what=$1 want=$2 pattern=$3 code
	shift 3
	timeout 30 "$@" >out 2>&1 </dev/null
	code=$?
	[ "$code" = "$want" ] || { bad "$what: exit $code, expected $want"; cat out; }
	[ -z "$pattern" ] || grep -qE "$pattern" out || { bad "$what: no $pattern"; cat out; }
}
until_line() { # file, pattern: within 20 s
	local try
	for try in $(seq 200); do
		grep -aqs "$2" "$1" && return 0
		kill -0 "$shell" 2>/dev/null || break
		python3 -c 'import select; select.select([], [], [], 0.1)'
	done
	return 1
}

export TMPDIR=$work/tmp
mkdir "$TMPDIR"
expect 'no publishing to the world' 64 'only addresses of loopback' \
	"$worstday" shell "$top/tests/cases/pos/target.yml" -p shop:8000=0.0.0.0:0
expect 'no such node' 64 'has no node "lane-9"' \
	"$worstday" shell "$top/tests/cases/pos/target.yml" -p lane-9:80
expect 'no such target' 65 'error: ' "$worstday" shell nowhere
"$worstday" shell "$top/tests/cases/pos/target.yml" --no-prompt -p shop:8000 >up 2>&1 </dev/null &
shell=$!
until_line up 'is up' || {
	cat up
	wait $shell
	[ $? = 3 ] && echo "SKIP: $(tail -n 1 up)" && exit 77
	exit 1
}
port=$(sed -n 's/.*shop:8000 at \(127[0-9.:]*\).*/\1/p' up)
ctl=("$worstday" ctl --trial "$shell")
in=("$worstday" exec --trial "$shell")

expect status 0 'shop/pos +ready' "${ctl[@]}" status
expect sell 0 '^S1 at shop: told ok' "${ctl[@]}" sell
expect 'a port for people' 0 '"mode": "good"' curl -s -m 10 "http://$port/"
expect 'a port for people, large' 0 '^600000 ' sh -c "head -c 600000 /dev/zero | tr '\0' ' ' |
	sed 's/^/{\"key\":\"BIG\",\"total\":1}/' >big; curl -s -m 10 --data-binary @big http://$port/sales |
	grep -c receipt | sed 's/1/600000 /'"
expect 'exec' 0 '^shop$' "${in[@]}" shop hostname
expect 'exec of a service' 5 '^uid=0.* /target$' \
	"${in[@]}" shop/pos sh -c 'echo "$(id) $(pwd)"; exit 5'
expect 'exec sees its network' 0 '"mode": "good"' "${in[@]}" shop curl -s http://127.0.0.1:8000/
expect 'exec: options are the command'"'"'s' 0 '^-h --trial$' "${in[@]}" shop echo -h --trial
expect 'exec: no such program' 127 'nosuch: No such file' "${in[@]}" shop nosuch
expect 'exec: no such node' 64 'no node or service lane-1; nodes: shop' "${in[@]}" lane-1 true
expect 'a debugger may attach' 0 '^attached 0' "${in[@]}" shop/pos python3 -c '
import ctypes, os
pos = [p for p in os.listdir("/proc") if p.isdigit() and
       b"/target/pos.py" in open(f"/proc/{p}/cmdline", "rb").read().split(b"\0")]
print("attached", ctypes.CDLL(None).ptrace(16, int(pos[0]), 0, 0))'

expect 'arm, bad fault' 65 'did you mean "process.hang"' "${ctl[@]}" arm process.hank
expect 'arm, bad option' 65 'arm:2:[0-9]+: error: .*sevice' "${ctl[@]}" arm 'process.hang {sevice: x}'
expect 'arm, bad service' 65 'has no service "till"' "${ctl[@]}" arm 'process.hang {service: till}'
expect 'no such word' 64 'did you mean "status"' "${ctl[@]}" statu
expect 'heal nothing' 64 'nothing is armed' "${ctl[@]}" heal
expect arm 0 '^0: pos stops answering.*fired 1' "${ctl[@]}" arm process.hang '{service: pos}'
expect 'armed' 0 'fault 0 process.hang +armed, fired 1' "${ctl[@]}" status
expect 'it hangs' 28 '' curl -s -m 0.3 "http://$port/"
expect heal 0 '^0: process.hang healed' "${ctl[@]}" heal 0
expect 'it answers' 0 good curl -s -m 10 "http://$port/"
expect 'the library of lib.alloc-fail' 0 'preload.so:.*/alloc.so' "${in[@]}" shop/pos printenv LD_PRELOAD
expect 'lib.fail by hand' 64 'needs to be prepared' \
	"${ctl[@]}" arm lib.fail '{node: shop, point: posix/io/sync/fsync}'
expect 'a disk by hand' 0 'the disk is full' "${ctl[@]}" arm disk.full '{node: shop}' for 200ms
expect 'sell on a full disk' 1 'told unknown' "${ctl[@]}" sell
expect books 0 'sale S1 [0-9.]+ EUR' "${ctl[@]}" books
expect log 0 '^selling S1$' "${ctl[@]}" log pos
expect save 0 'worstday run' "${ctl[@]}" save saved.yml
expect 'save once' 64 'File exists' "${ctl[@]}" save saved.yml
expect quit 0 '' "${ctl[@]}" quit
for try in $(seq 100); do
	kill -0 $shell 2>/dev/null || break
	python3 -c 'import select; select.select([], [], [], 0.1)'
done
wait $shell
code=$?
shell=''
[ $code = 0 ] || bad "the shell left with $code"
expect 'nobody there' 64 'no trial' "$worstday" ctl --trial 1 status
expect 'the port is closed' 7 '' curl -s -m 1 "http://$port/"
[ -z "$(ls "$TMPDIR")" ] || bad "left behind: $(ls "$TMPDIR")"

expect 'what was saved is valid' 0 ok "$worstday" validate saved.yml
grep -q 'process.hang: {service: pos}' saved.yml && grep -q 'for: [0-9]*ms' saved.yml ||
	{ bad "saved.yml"; cat saved.yml; }

# A trial under way lets one in; the prompt does what ctl does.
"$worstday" run --quiet --out "$work/results" saved.yml >run 2>&1 </dev/null &
run=$!
for try in $(seq 100); do
	"$worstday" exec --trial $run shop/pos hostname >out 2>&1 </dev/null && break
	kill -0 $run 2>/dev/null || break
	python3 -c 'import select; select.select([], [], [], 0.05)'
done
grep -q '^shop$' out || { bad "exec in a trial"; cat out; }
expect 'a trial has a schedule of its own' 64 'only `worstday exec`' "$worstday" ctl --trial $run heal
printf 'sell\nnonsense\nquit\n' | timeout 30 "$worstday" shell "$top/tests/cases/pos/target.yml" \
	>prompt 2>&1 || bad "the prompt left with $?"
grep -q 'told ok' prompt && grep -q 'no word "nonsense"' prompt || { bad "the prompt"; cat prompt; }
wait $run
code=$?
[ $code = 0 ] || [ $code = 1 ] || [ $code = 2 ] || { bad "the saved experiment: exit $code"; cat run; }
[ -z "$(ls "$TMPDIR")" ] || bad "left behind: $(ls "$TMPDIR")"
exit $failed
