#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# Purpose: a service that tries everything to get out of its node stays in, and the books of a
#          target are no way to have the harness open files of the host.
# Expected: every attempt of hostile/hostile.py is turned away, as root and as an ordinary user
#           (one id, /dev/net/tun open to all); what lies on the host is untouched; links, pipes and
#           terabytes where the books should be make the trial inconclusive, soon.
# Buggy result: "ESCAPED: attempt: what it reached".
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-hostile-XXXXXX") || exit 1
marker=canary-$$-$RANDOM
canary=
failed=0
bad() {
	echo "FAILED: $*"
	failed=1
}
trap '[ -n "$canary" ] && kill "$canary" 2>/dev/null; rm -rf "$work"' EXIT

# On the host, to be found: a listener on every address and an abstract name, which note visits.
cat >"$work/canary.py" <<'P'
import select, socket, sys
marker, work = sys.argv[1:3]
tcp = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
unix.bind("\0" + marker)
unix.listen()
print(tcp.getsockname()[1], flush=True)
while True:
    ready = select.select([tcp, unix], [], [], 300)[0]
    for s in ready:
        s.accept()
        open(work + "/visited", "a").write(str(s.family) + "\n")
    if not ready:
        break
P
# Runs the harness with a key in its session and a file open that it did not ask for.
cat >"$work/run.py" <<'P'
import ctypes, os, sys
libc = ctypes.CDLL(None)
join, add = {"x86_64": (250, 248), "aarch64": (219, 217)}[os.uname().machine]
libc.syscall(join, 1, None)
libc.syscall(add, b"user", sys.argv[1].encode(), b"x", ctypes.c_size_t(1), -3)
os.dup2(os.open(sys.argv[2], os.O_RDWR), 30)
os.set_inheritable(30, True)
os.execvp(sys.argv[3], sys.argv[3:])
P
python3 "$work/canary.py" "$marker" "$work" >"$work/port" &
canary=$!
for try in $(seq 100); do
	[ -s "$work/port" ] && break
	python3 -c 'import select; select.select([], [], [], 0.05)'
done
port=$(cat "$work/port")

# The user's own: a secret, a data base, somebody else's target.
word=word-$marker
echo "$word" >"$work/secret"
mkdir -p "$work/own" "$work/other" "$work/target"
echo "$word" >"$work/other/seed"
python3 - "$work/own/pos.db" <<'P'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE sales(key TEXT PRIMARY KEY, total INT, number INTEGER)")
db.commit()
P
cp "$top/tests/cases/hostile/hostile.py" "$top/tests/cases/hostile/target.yml" "$work/target/"
cp "$worstday" "$work/worstday"
chmod 711 "$work"
chmod -R a+rwX "$work/own" "$work/other" "$work/target" "$work/secret"
chmod 755 "$work/worstday"
sum() { (cd "$work" && cat secret && find own other target -not -path '*/results*' | sort &&
	cat target/*.* && sha256sum own/*) | sha256sum; }

cat >"$work/hostile.yml" <<'Y'
title: A POS that tries to get out
target: WORK/target/target.yml
seed: 1
baseline: never
shoppers: {count: 3, arrivals: constant 60/min, basket: 1..2, pace: 60x}
checks: [no-lost-sale, right-amount]
settle: 5s
env: {CANARY: 'CANARY_JSON', BOOKS: KIND, ONLY: "${ONLY:-}"}
Y

experiment() { # single, books, name
	addresses=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep . | sed 's/.*/, "&"/' | tr -d '\n')
	json="{\"single\": $1, \"pid\": $canary, \"marker\": \"$marker\", \"word\": \"$word\""
	json="$json, \"port\": $port, \"books\": \"$work/own/pos.db\""
	json="$json, \"addresses\": [\"127.0.0.1\", \"::1\"$addresses]"
	json="$json, \"secrets\": [\"$work/secret\", \"$top/Makefile\", \"$work/other\"]}"
	sed -e "s|WORK|$work|" -e "s|CANARY_JSON|$json|" -e "s|KIND|$2|" -e "s|\${ONLY:-}|${ONLY:-}|" \
		"$work/hostile.yml" >"$work/$3.yml"
	chmod 644 "$work/$3.yml"
}

state() {
	hostname
	cat /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname
	tail -n +2 /proc/sysvipc/shm | awk '{print "shm", $1}'
	tail -n +2 /proc/sysvipc/sem | awk '{print "sem", $1}'
	tail -n +2 /proc/sysvipc/msg | awk '{print "msg", $1}'
	sed 's/^[0-9]* [0-9]* /mount /' /proc/self/mountinfo | sort
	for i in /sys/class/net/*; do echo "interface ${i##*/}"; done
	find "$work" /tmp -maxdepth 1 -name '*core*' 2>/dev/null
}

# What the node's own processes hold, as the host sees it: nothing but sockets and the like.
watch_descriptors() { # pid of the harness
	local p fd to
	while kill -0 "$1" 2>/dev/null; do
		for p in $(cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/^\([0-9]*\) (\(init\|keeper\)) .*/\1/p'); do
			grep -qs "$marker" "/proc/$p/environ" "/proc/$p/cmdline" || continue
			for fd in /proc/"$p"/fd/*; do
				to=$(readlink "$fd" 2>/dev/null) || continue
				case $to in
				/dev/null | socket:* | pipe:* | anon_inode:* | "net:"* | "") ;;
				*) echo "$p $to" ;;
				esac
			done
		done
		python3 -c 'import select; select.select([], [], [], 0.2)'
	done | sort -u
}

judge_run() { # name, exit code, expected exit code, log folder
	[ "$2" = "$3" ] || { bad "$1: exit $2, expected $3"; tail -n 20 "$work/out"; }
	kill -0 "$canary" 2>/dev/null || bad "$1: a process of the host was killed"
	[ -e "$work/visited" ] && { bad "$1: it reached a socket of the host"; rm -f "$work/visited"; }
	[ "$(sum)" = "$before" ] || bad "$1: files of the host are not what they were"
	state | diff "$work/state" - >"$work/diff" || { bad "$1: left on the host:"; cat "$work/diff"; }
	for try in $(seq 40); do
		pgrep -f "$work/worstday" >/dev/null || break
		python3 -c 'import select; select.select([], [], [], 0.05)'
	done
	pgrep -f "$work/worstday" >/dev/null && bad "$1: processes are left after 2 s"
	grep -rqs "$word" "$4" --include=verdict.json --include=books.ndjson --include=report.html &&
		bad "$1: the secret is in the results"
	return 0
}

attempts() { # name, results
	local log
	log=$(find "$2" -name 'shop.pos.log' | head -n 1)
	[ -n "$log" ] || { bad "$1: no log"; return; }
	[ "$(stat -c %s "$log")" -le $(((8 << 20) + 100)) ] || bad "$1: the log is not capped"
	grep -a '^ESCAPED' "$log" && bad "$1: it got out"
	echo "$1: $(grep -ac '^kept in' "$log") attempts turned away"
	[ -z "${ONLY:-}" ] && [ "$(grep -ac '^kept in' "$log")" -lt 41 ] && bad "$1: too few attempts"
	return 0
}

before=$(sum)
state >"$work/state"

run() { # name, results, experiment, command before the harness...
	local name=$1 out=$2 yml=$3
	shift 3
	python3 "$work/run.py" "$marker" "$work/secret" "$@" "$work/worstday" run --quiet \
		--out "$out" "$yml" >"$work/out" 2>&1 &
	local pid=$!
	watch_descriptors "$pid" >"$work/fds"
	wait "$pid"
	code=$?
	[ -s "$work/fds" ] && { bad "$name: init or keepers hold"; cat "$work/fds"; }
	return 0
}

if [ "$(id -u)" = 0 ]; then single=0 who=root; else single=1 who=$(id -un); fi
experiment $single good hostile-good
# Results below the target's folder, as when one works in it: they are no part of the target.
mkdir -p "$work/target/results"
run "$who" "$work/target/results" "$work/hostile-good.yml" env
judge_run "$who" "$code" 0 "$work/target/results"
attempts "$who" "$work/target/results"
rm -rf "$work/target/results"

for kind in link folder-link fifo sparse; do
	experiment $single $kind hostile-$kind
	[ $kind = folder-link ] && sed -i 's|^seed: 1|&|' "$work/hostile-$kind.yml" &&
		sed -i 's|file: .*|file: /var/lib/pos/sub/pos.db|' "$work/target/target.yml" &&
		before=$(sum)
	SECONDS=0
	run "books: $kind" "$work/results-$kind" "$work/hostile-$kind.yml" env
	want=2
	[ $kind = sparse ] && want=1 # a real data base, without the sales
	judge_run "books: $kind" "$code" $want "$work/results-$kind"
	[ $SECONDS -gt 30 ] && bad "books: $kind: it took $SECONDS s"
	echo "books: $kind: exit $code after $SECONDS s"
	cp "$top/tests/cases/hostile/target.yml" "$work/target/"
	before=$(sum)
done

if [ "$single" = 0 ] && unshare --mount true 2>/dev/null; then
	experiment 1 good hostile-user
	mkdir -m 777 "$work/results-user" "$work/tmp" # the caller's TMPDIR may be the caller's alone
	# shellcheck disable=SC2016
	run "uid 65534" "$work/results-user" "$work/hostile-user.yml" unshare --mount sh -c '
		mknod "$0/tun" c 10 200 && chmod 0666 "$0/tun" && mount --bind "$0/tun" /dev/net/tun &&
		exec setpriv --reuid 65534 --regid 65534 --clear-groups env TMPDIR="$0/tmp" "$@"' "$work"
	rm -f "$work/tun"
	judge_run "uid 65534" "$code" 0 "$work/results-user"
	attempts "uid 65534" "$work/results-user"
fi
exit $failed
