#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: programs of all kinds do their ordinary work with our libraries preloaded and every fault
# inside a process armed with probability 0, exactly as they do without.
#
#     shop ─ pos (the POS), python, node, php, postgres, threads (C), Go, musl: each its own service,
#            which prints what came of its work, and is restarted while the faults are armed
#
# Expected: the same words in both trials; nothing fired; each that can load the libraries has.
# Buggy result: a program that ends, hangs or computes something else only because it is watched.
# timeout: 90
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-ordinary-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
cp "$top/tests/cases/pos/"* "$work/" || exit 1
failed=0
kinds=()

service() { # name, program and arguments
	local name=$1
	shift
	kinds+=("$name")
	printf '      - {name: %s, run: [%s], end: any, stop_within: 100ms, user: nobody,\n' "$name" "$1"
	printf '         ready: {log: /^did /, within: 40s}}\n'
}

cat >"$work/work.py" <<'P'
import hashlib, multiprocessing, subprocess, threading, time
n = [0]
def add(): n[0] += sum(range(1000))
ts = [threading.Thread(target=add) for _ in range(8)]
[t.start() for t in ts]; [t.join(10) for t in ts]
e = threading.Event(); e.wait(0.05)
said = subprocess.run(["/bin/sh", "-c", "echo hello | tr a-z A-Z"], capture_output=True).stdout
with multiprocessing.Pool(2) as p: squares = sum(p.map(abs, range(-50, 50)))
assert abs(time.time() - time.clock_gettime(time.CLOCK_REALTIME)) < 5
print("did", hashlib.sha256(repr((n, said, squares)).encode()).hexdigest(), flush=True)
time.sleep(1000)
P
cat >"$work/work.js" <<'J'
const c = require('crypto'), w = require('worker_threads');
const run = () => new Promise((ok) => new w.Worker(
  'let s = 0; for (let i = 0; i < 1e6; i++) s += i; require("worker_threads").parentPort.postMessage(s)',
  {eval: true}).on('message', ok));
Promise.all([run(), run()]).then((got) => setTimeout(() => {
  console.log('did', c.createHash('sha256').update(got.join()).digest('hex'));
  setInterval(() => {}, 1e6);
}, 20));
J
printf '<?php usleep(1000); echo "did ", md5(serialize(range(1, 1000))), "\\n"; sleep(1000);' >"$work/work.php"
cat >"$work/work-pg" <<'S'
#!/bin/sh
export PATH=/usr/lib/postgresql/15/bin:$PATH
rm -rf /tmp/pg
initdb -D /tmp/pg -A trust >/dev/null || exit 1
pg_ctl -D /tmp/pg -w -o "-c listen_addresses='' -k /tmp" start >/dev/null || exit 1
psql -h /tmp -Atc "CREATE TABLE t AS SELECT generate_series(1, 20000) n" postgres >/dev/null
echo "did $(psql -h /tmp -Atc 'SELECT sum(n), count(*), now() - now() FROM t' postgres)"
exec sleep 1000
S
cat >"$work/work.c" <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static void *work(void *arg)
{
	unsigned long *sum = arg;
	struct timespec at;
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;

	for (unsigned i = 0; i < 10000; i++) {
		char *p = malloc(i % 500 + 1);
		memset(p, 1, i % 500 + 1);
		*sum += (unsigned)p[i % 500];
		free(p);
	}
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += (at.tv_nsec += 20000000) / 1000000000;
	at.tv_nsec %= 1000000000;
	pthread_mutex_lock(&m);
	*sum += pthread_cond_timedwait(&c, &m, &at) != 0;
	return NULL;
}
int main(void)
{
	pthread_t t[4];
	unsigned long sum[4] = { 0 };
	int status = 1;

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, work, &sum[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	if (fork() == 0)
		_exit((int)(sum[0] % 100));
	wait(&status);
	printf("did %lu %d %d\n", sum[0] + sum[3], WEXITSTATUS(status), time(NULL) > 0);
	fflush(stdout);
	sleep(1000);
	return 0;
}
C
cat >"$work/work.go" <<'G'
package main

import ("crypto/sha256"; "fmt"; "sync"; "time")

func main() {
	var w sync.WaitGroup
	for i := 0; i < 4; i++ {
		w.Add(1)
		go func() { _ = make([]byte, 1<<20); w.Done() }()
	}
	w.Wait()
	fmt.Printf("did %x\n", sha256.Sum256([]byte("go")))
	time.Sleep(time.Hour)
}
G
chmod 755 "$work"/*
{
	service python /usr/bin/python3,\ /target/work.py
	cc -pthread -o "$work/threads" "$work/work.c" && service threads ./threads
	[ -x /usr/bin/node ] && service node /usr/bin/node,\ /target/work.js
	[ -x /usr/bin/php ] && service php /usr/bin/php,\ /target/work.php
	[ -x /usr/lib/postgresql/15/bin/initdb ] && service postgres ./work-pg
	musl-gcc -o "$work/musl" "$work/work.c" 2>/dev/null && service musl ./musl
	(cd "$work" && HOME=$work GO111MODULE=off CGO_ENABLED=0 go build -o go work.go) >/dev/null 2>&1 &&
		service go ./go
} >"$work/services"
for kind in python threads node php postgres musl go; do
	[[ " ${kinds[*]} " == *" $kind "* ]] || echo "SKIP $kind: not installed here"
done
sed "/^    services:/r $work/services" "$top/tests/cases/pos/target.yml" >"$work/target.yml"

experiment() { # name, faults
	local restarts='' kind
	for kind in "${kinds[@]}"; do
		restarts+="  - process.restart: {service: shop/$kind, polite: false}\n    when: {at: 1s}\n"
	done
	printf 'target: target.yml\nseed: 1\nbaseline: never\nsettle: 30s\nchecks: [no-lost-sale]\n%s\n%b' \
		'shoppers: {count: 3, arrivals: constant 30/min, basket: 1, pace: 20x}' \
		"faults:\n$2$restarts" >"$work/$1.yml"
}
none=', service: "[npt]*"}\n    min_hits: 0\n    when: {probability: 0.001%}\n'
experiment bare ""
experiment watched "  - lib.alloc-fail: {node: shop, rate: 0%, service: '[npt]*'}\n    min_hits: 0\n\
  - lib.resolver: {node: shop, rate: 0%, service: '[npt]*'}\n    min_hits: 0\n\
  - clock.jump: {node: shop, by: -1h$none  - clock.freeze: {node: shop$none"
timeout 80 "$worstday" run -j2 --out "$work/results" "$work/bare.yml" "$work/watched.yml" \
	>"$work/out" 2>&1 </dev/null || {
	sed 's/^/    /' "$work/out"
	failed=1
}
for kind in "${kinds[@]}"; do
	bare=$(grep -ah '^did ' "$work/results/bare/latest/logs/shop.$kind.log" 2>/dev/null)
	watched=$(grep -ah '^did ' "$work/results/watched/latest/logs/shop.$kind.log" 2>/dev/null)
	if [ "$(grep -c . <<<"$bare")" != 2 ] || [ "$bare" != "$watched" ]; then
		echo "$kind: \"$bare\" without, \"$watched\" with"
		tail -n 3 "$work/results/watched/latest/logs/shop.$kind.log"
		failed=1
	else
		echo "ok $kind"
	fi
done
grep -q '"kind":"fired".*lib' "$work/results/watched/latest/events.ndjson" && echo "something fired" && failed=1
exit $failed
