#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: `run --hold on-violation` keeps a trial that is violated standing, and only such a one.
# Expected: without a terminal it is refused; a trial that holds ends by itself; one that is violated
# stands with its services up over the data that were judged, `worstday exec` gets in, Enter ends it
# with exit 1 and everything in its place. Buggy result: a trial that waits for nobody, or that
# stands empty. timeout: 60
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-hold-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
bad() {
	echo "FAILED: $*"
	failed=1
}
cat >hold.yml <<Y
title: A till that books loses
target: $top/tests/cases/pos/target.yml
seed: 1
baseline: never
shoppers: {count: 4, arrivals: constant 10/s, basket: 1..1, human: none}
settle: 5s
checks: [no-lost-sale, no-duplicate-sale]
Y
"$worstday" run --hold on-violation hold.yml >out 2>&1 </dev/null
[ $? = 64 ] && grep -q 'the input is no terminal' out || { bad "no terminal"; cat out; }
"$worstday" run --hold on-violation -j 2 hold.yml >out 2>&1 </dev/null
[ $? = 64 ] || bad "-j 2"

# A person at a terminal: waits for the word, looks into the node, presses Enter.
cat >person.py <<'P'
import os, pty, select, subprocess, sys, time
worstday, mode = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(worstday, [worstday, "run", "--hold", "on-violation", "--out", "results",
                        "--set", f"env={{MODE: {mode}}}", "hold.yml"])
out, looked, end = b"", "", time.monotonic() + 40
while time.monotonic() < end:
    if not select.select([fd], [], [], 0.1)[0]:
        continue
    try:
        more = os.read(fd, 65536)
    except OSError:
        more = b""
    if not more:
        break
    out += more
    if b"Enter ends it" in out and not looked:
        looked = subprocess.run(
            [worstday, "exec", "--trial", str(pid), "shop", "python3", "-c",
             "import sqlite3, urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/').status,"
             " sqlite3.connect('/var/lib/pos/pos.db').execute('SELECT count(*) FROM sales')"
             ".fetchone()[0])"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        looked = looked.stdout + looked.stderr
        os.write(fd, b"\n")
print(out.decode(errors="replace"))
print("looked", looked.strip())
print("exit", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
timeout 50 python3 person.py "$worstday" loses >loses 2>&1
grep -q '^exit 3' loses && echo "SKIP: $(tail -n 4 loses | head -n 1)" && exit 77
grep -q '^exit 1' loses || bad "violated: exit"
grep -q '^looked 200 0' loses || bad "nothing to look at"
grep -q 'no-lost-sale.*violated' loses || bad "no report"
[ -f results/hold/latest/verdict.json ] || bad "no results"
[ $failed = 0 ] || cat loses
timeout 50 python3 person.py "$worstday" good >good 2>&1
grep -q '^exit 0' good && ! grep -q 'Enter ends it' good || { bad "one that holds"; cat good; }
exit $failed
