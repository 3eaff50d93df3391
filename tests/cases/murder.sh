#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# timeout: 300
# Purpose: a murderous operator. SIGKILL to the main process, a worker, the wire, a node's init, a
#          keeper, the guardian, alone and in pairs, while preparing, selling, judging, writing.
# Expected: what lost a part of the harness is broken (exit 4) and says why; it never holds and never
#           hangs; within 2 s nothing is left, and what only the guardian could have removed the
#           next run removes. A second trial of the same worker is as good as ever.
# Buggy result: "MURDER: who, when: what was wrong". A run takes 20 of the plans by chance and prints
# its SEED=, which repeats it; MURDERS=50 takes all (`make soak`), more are murders at random moments.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
if [ "${MURDER_INSIDE:-}" != 1 ]; then
	if ! unshare --pid --fork --mount --mount-proc true 2>/dev/null; then
		echo "SKIP: needs root for a PID namespace of its own"
		exit 77
	fi
	MURDER_INSIDE=1 exec unshare --pid --fork --mount --mount-proc "$0" "$@"
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-murder-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/target" && cp "$top/tests/cases/pos/pos.py" "$work/target/"
sed '/^lanes:/i\
prepare:\
  - {node: shop, run: [/usr/bin/python3, -c, "import os, time; time.sleep(0.3); [open(f\\"/var/lib/pos/{i}\\", \\"w\\").write(\\"x\\" * 65536) for i in range(500)]"]}' \
	"$top/tests/cases/pos/target.yml" >"$work/target/target.yml"
cat >"$work/day.yml" <<Y
title: A morning among murderers
target: $work/target/target.yml
seed: 1
shoppers: {count: 60, arrivals: constant 60/min, basket: 1..3, pace: 1000x}
faults:
  - process.kill: {service: shop/pos}
    when: {on: told ok, nth: 40}
  - disk.slow: {node: shop, delay: 100us}
settle: 5s
checks:
  - no-lost-sale
  - custom: {run: [/bin/sh, -c, "exec sleep 0.4"], name: thoughtful}
Y
cat >"$work/murder.py" <<'P'
"""Kills and looks. PID 1 of a namespace is our parent, so every process seen here is ours."""
import glob
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time

work, worstday, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
seed = int(sys.argv[4])
rng = random.Random(seed)
out, failed = work + "/results", 0
mine = {os.getpid(), os.getppid(), 1}


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return ""


def pause(seconds):
    select.select([], [], [], seconds)


def processes():
    """pid -> (comm, parent), zombies left out."""
    found = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        text = read("/proc/%s/stat" % p)
        if not text or int(p) in mine:
            continue
        rest = text[text.rindex(")") + 2:].split()
        if rest[0] not in "ZX":
            found[int(p)] = (text[text.index("(") + 1:text.rindex(")")], int(rest[1]))
    return found


def find(who, main):
    all_ = processes()
    if who == "main":
        return [main] if main in all_ else []
    if who == "worker":
        return [p for p, (c, up) in all_.items() if up == main and c == "worstday"]
    return [p for p, (c, _) in all_.items() if c == who]


def state():
    lines = ["process %d %s" % (p, c) for p, (c, _) in processes().items()]
    lines += ["mount " + " ".join(x.split()[2:]) for x in
              read("/proc/self/mountinfo").splitlines()]
    lines += ["interface " + x for x in os.listdir("/sys/class/net")]
    for top in (out, os.environ.get("TMPDIR", "/tmp")):
        for folder, dirs, names in os.walk(top):
            if top != out:
                del dirs[:]
            hit = [x for x in dirs + names if x.startswith((".tmp", ".probe", ".baseline"))
                   or x.startswith("worstday-")]
            lines += ["file " + os.path.join(folder, x) for x in hit]
    if os.path.isdir(out + "/.cache/baseline"):
        lines += ["half a good day " + x for x in os.listdir(out + "/.cache/baseline")
                  if not x.endswith(".json")]
    return set(lines)


def left_over(before, files=True):
    for _ in range(40):
        left = {x for x in state() - before if files or not x.startswith("file")}
        if not left:
            break
        pause(0.05)
    return left


def wait_for(what, child, limit=20):
    end = time.monotonic() + limit
    while time.monotonic() < end and child.poll() is None:
        if what():
            return True
        if not isinstance(what, Early):
            pause(0.002)
    return False


class Early:
    """Written to the results, so that the reports are under way; looked for without a pause."""
    def __init__(self, pattern):
        self.pattern = pattern

    def __call__(self):
        return bool(glob.glob(out + "/" + self.pattern))


def verdicts():
    found = []
    for path in sorted(glob.glob(out + "/*/*/verdict.json")):
        if "/latest/" not in path:
            found.append(json.loads(read(path) or '{"verdict": "half a file"}'))
    return found


WHEN = {
    "at a random moment": None,
    "preparing": lambda: any(c == "python3" for c, _ in processes().values()),
    "keeping what was prepared": Early(".cache/.tmp-*"),
    "staging": lambda: any(c == "init" for c, _ in processes().values()),
    "selling": lambda: any("selling" in read(x)
                           for x in glob.glob(out + "/day/.tmp-*/logs/shop.pos.log")),
    "judging": lambda: any(c == "sleep" for c, _ in processes().values()),
    "reporting": Early("day/.tmp-*/report.html"),
    "judged": Early("day/.tmp-*/verdict.json"),
}
OURS = {"worker", "wire", "init", "keeper", "disk"}


def murder(who, when, seeds=1, jobs=1, baseline="never"):
    shutil.rmtree(out, ignore_errors=True)
    os.mkdir(out)
    before = state()
    log = open(work + "/out", "w")
    child = subprocess.Popen([worstday, "run", "--quiet", "--out", out, "--seeds", str(seeds),
                              "-j", str(jobs), "--set", "baseline=" + baseline,
                              work + "/day.yml"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    ready = WHEN[when]
    if ready is None:
        pause(rng.random() * 2.5)
    else:
        wait_for(ready, child)
    end = time.monotonic() + 3
    victims = []
    while len(victims) < len(who) and child.poll() is None and time.monotonic() < end:
        victims = [p for name in who for p in find(name, child.pid)[:1]]
    dead = child.poll() is not None
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    try:
        code = child.wait(25)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return "it hangs (25 s)"
    return examine(who, when, victims, dead, code, before, seeds)


def examine(who, when, victims, dead, code, before, seeds):
    said = read(work + "/out")
    both = {"main", "guardian"} <= set(who)
    late = when in ("reporting", "judged", "at a random moment")
    left = left_over(before, files=not both)
    if left:
        return "left behind after 2 s: " + "; ".join(sorted(left)[:5])
    if both:
        subprocess.run([worstday, "run", "--quiet", "--out", out, "--set", "shoppers.count=1",
                        "--set", "faults=[]", work + "/day.yml"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=30)
        left = left_over(before)
        return "the next run left: " + "; ".join(sorted(left)[:5]) if left else None
    if dead or not victims or len(victims) < len(who):
        return None if dead or code in (0, 4) or "main" in who else "exit %d: %s" % (code, said)
    if "main" in who:
        return None if code in (-9, 0, 4) else "exit %d" % code
    found = verdicts()
    lost = [v for v in found if v["verdict"] == "broken"]
    if OURS & set(who) and code == 0 and late and len(found) == seeds and not lost:
        return None  # it had done its work
    if OURS & set(who):
        if code != 4:
            return "exit %d, not 4: %s" % (code, said)
        if "broken" not in said or not any(w in said for w in OURS):
            return "does not say what died: %r" % said
        if any(v["verdict"] != "broken" for v in found[:1]) and seeds == 1:
            return "the verdict on file is %s" % found[0]["verdict"]
        if seeds > 1 and len(lost) > len(who):
            return "%d trials are broken, not 1: %s" % (len(lost), said)
        return None
    return None if code == 0 else "exit %d without its guardian: %s" % (code, said)


plans = [((who,), when, 1) for who in ("worker", "wire", "init", "keeper", "disk", "main", "guardian")
         for when in ("preparing", "staging", "selling")]
plans += [(("worker",), "keeping what was prepared", 1), (("main",), "keeping what was prepared", 1),
          (("worker",), "judging", 1), (("main",), "judging", 1),
          (("worker",), "reporting", 1), (("worker",), "judged", 1), (("main",), "reporting", 1),
          (("main",), "judged", 1), (("main", "guardian"), "keeping what was prepared", 1),
          (("main", "guardian"), "selling", 1), (("wire",), "selling", 3), (("init",), "selling", 3),
          (("keeper",), "selling", 3), (("disk",), "selling", 3), (("worker",), "selling", 3)]
names = ["worker", "wire", "init", "keeper", "disk", "main", "guardian"]
plans += [(tuple(rng.sample(names, rng.choice((1, 2)))), "at a random moment", 1)
          for _ in range(max(12, rounds - len(plans)))]
plans = [p for p in plans if os.environ.get("ONLY", "") in " ".join(p[0]) + " " + p[1]]
for who, when, seeds in rng.sample(plans, min(rounds, len(plans))):
    wrong = murder(who, when, seeds)
    if wrong:
        failed += 1
        print("MURDER: %s, %s%s: %s" % (" and ".join(who), when,
                                        ", %d trials" % seeds if seeds > 1 else "", wrong))
print("%d of %d murders, %d went wrong (SEED=%d)" % (min(rounds, len(plans)), len(plans), failed, seed))
sys.exit(failed > 0)
P
python3 "$work/murder.py" "$work" "${WORSTDAY:-$top/build/worstday}" "${MURDERS:-20}" \
	"${SEED:-$RANDOM}"
