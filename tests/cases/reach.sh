#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: what the faults could reach of each service is said at start-up and in the results.
# Expected: of a dynamic and of a static program, verdict.json says what each is, which layers see it,
# which calls were looked at, how many were altered, and what is out of reach; the page has the same
# rows; one line at start-up does, once however many trials there are. Buggy result: a fault that
# reaches nothing, and nobody can tell.
# timeout: 60
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-reach-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
cp "$top/tests/cases/pos/"* "$work/"
cat >"$work/sync.c" <<'C'
#include <fcntl.h>
#include <unistd.h>
int main(void)
{
	int fd = open("/tmp/static.db", O_RDWR | O_CREAT, 0600);
	for (;;) { fsync(fd); usleep(20000); }
}
C
cc -static -o "$work/sync" "$work/sync.c" || exit 1
sed "/^      - {name: pos/i\\      - {name: other, run: [./sync], end: any, stop_within: 100ms}" \
	"$top/tests/cases/pos/target.yml" >"$work/target.yml"
cat >"$work/x.yml" <<Y
target: target.yml
seed: 1
baseline: never
shoppers: {count: 4, arrivals: constant 60/min, basket: 1, pace: 100x}
faults:
  - call.fail: {node: shop, service: other, call: fsync, errno: EIO}
  - clock.jump: {node: shop, service: pos, by: -1h}
settle: 1s
checks: [no-lost-sale]
Y
"$worstday" run --out "$work/results" --seeds 2 "$work/x.yml" >"$work/out" 2>"$work/err" </dev/null ||
	{ echo "exit $?"; cat "$work/out" "$work/err"; exit 1; }
mv "$work/results/x/latest/report.html" "$work/page" # so that it has to be drawn again
"$worstday" report "$work/results/x/latest" >/dev/null || exit 1
cmp "$work/page" "$work/results/x/latest/report.html" || exit 1
python3 - "$work/results/x/latest" "$work/err" <<'P'
import json, re, sys
folder, err = sys.argv[1], open(sys.argv[2]).read()
rows = {r["service"]: r for r in json.load(open(folder + "/verdict.json"))["reach"]}
bad = []
def want(what, ok):
    print(("ok " if ok else "NOT ") + what)
    if not ok:
        bad.append(what)
other, pos = rows["shop/other"], rows["shop/pos"]
want("a static program is called that", other["linked"] == "static" and not other["libc"])
want("its calls are looked at, by no library", other["layers"] == "wire, calls")
want("which of them", other["filtered"] == "fsync, fdatasync")
want("how many were altered", 0 < other["altered"] <= other["calls"])
want("that no library reaches it", "loads no library" in other["beyond"] and not other["loaded"])
want("a dynamic one is called that", (pos["linked"], pos["libc"]) == ("dynamic", "glibc"))
want("a library reaches it", pos["layers"] == "wire, library" and pos["loaded"] > 0)
want("nobody looks at its calls", not pos["filtered"] and pos["calls"] == 0)
page = open(folder + "/report.html").read()
want("the page has both", all(re.search("<tr><td>%s</td>.*%s" % w, page) for w in (
    ("shop/other", "static.*fsync, fdatasync.*loads no library"), ("shop/pos", "dynamic glibc"))))
lines = [l for l in err.splitlines() if "seen by" in l]
want("one line at the start, for two trials", len(lines) == 1)
want("with both services in it", bool(lines) and re.search(
    "shop/other: static, seen by wire, calls .2 system calls.; out of reach: clock", lines[0])
    and "shop/pos: dynamic glibc, seen by wire, library" in lines[0])
sys.exit(1 if bad else 0)
P
