#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sales per second of a target that runs without the harness: its services and its driver in one
root directory on loopback, started by hand from prepared data as the harness would.

    unshare --mount --net --pid --fork --kill-child tests/bench/outside.py TARGET.yml PREPARED COUNT

Prints the rate. PREPARED is a folder that the harness keeps (results/.cache/prepared-...). All nodes
must share one rootfs. Needs root: the services run as users of their own.
"""
import csv
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

import yaml


def sh(*argv):
    subprocess.run(argv, check=True)


def load(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for name, value in yaml.safe_load(text)["vars"].items():
        text = text.replace("${%s}" % name, value)
    target = yaml.safe_load(text)
    nodes = {}
    for name, node in target["nodes"].items():
        group = re.fullmatch(r"(.*)\{(\d+)\.\.(\d+)\}", name)
        for n in [f"{group[1]}{i}" for i in range(int(group[2]), int(group[3]) + 1)] \
                if group else [name]:
            nodes[n] = node
    return target, nodes


def bind(source, to):
    os.makedirs(to, exist_ok=True)
    sh("mount", "--rbind", source, to)


class Shop:
    def __init__(self, path, prepared):
        self.folder = os.path.dirname(os.path.abspath(path))
        self.target, self.nodes = load(path)
        work = tempfile.mkdtemp(prefix="wd-outside-")
        sh("mount", "-t", "tmpfs", "outside", work)
        self.root, self.data = work + "/root", work + "/data"
        for d in ("root", "upper", "work", "data"):
            os.mkdir(f"{work}/{d}")
        lower = {n["rootfs"] for n in self.nodes.values()}
        assert len(lower) == 1, lower
        lower = os.path.realpath(os.path.join(self.folder, lower.pop()))
        sh("mount", "-t", "overlay", "overlay", "-o",
           f"lowerdir={lower},upperdir={work}/upper,workdir={work}/work", self.root)
        self.furnish(prepared)
        self.running = []

    def furnish(self, prepared):
        for d in ("tmp", "run"):
            sh("mount", "-t", "tmpfs", d, f"{self.root}/{d}")
        os.chmod(self.root + "/tmp", 0o1777)
        os.makedirs(self.root + "/proc", exist_ok=True)
        sh("mount", "-t", "proc", "proc", self.root + "/proc")
        bind("/dev", self.root + "/dev")
        bind(self.folder, self.root + "/target")
        with open(self.root + "/etc/hosts", "w", encoding="utf-8") as f:
            f.write("127.0.0.1 localhost %s\n" % " ".join(self.nodes))
        with open(self.root + "/etc/passwd", encoding="utf-8") as f:
            self.users = {w[0]: (int(w[2]), int(w[3])) for w in (x.split(":") for x in f)}
        for name, node in self.nodes.items():
            for to, source in node.get("mounts", {}).items():
                if not os.path.isdir(self.root + to) or not os.listdir(self.root + to):
                    bind(os.path.join(self.folder, source), self.root + to)
            for k, to in enumerate(node.get("data", {})):
                mine = f"{self.data}/{name}-{k}"
                sh("cp", "-a", f"{prepared}/{name}/{k}", mine)
                uid, gid = self.users[node.get("user", "root")]
                sh("chown", "-R", f"{uid}:{gid}", mine)
                os.chmod(mine, 0o700)
                bind(mine, self.root + to)

    def start(self, argv, node, **more):
        uid, gid = self.users[node.get("user", "root")]

        def enter():
            os.chroot(self.root)
            os.chdir("/target")
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        env = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", **node.get("env", {})}
        return subprocess.Popen(argv, env=env, preexec_fn=enter, **more)

    def open(self):
        for node in self.nodes.values():
            for service in node.get("services", []):
                self.running.append(self.start(service["run"], node, stdout=subprocess.DEVNULL))
                self.wait(service["ready"], node)

    def wait(self, ready, node):
        """Asked as a person would: until it answers, a minute at most."""
        kind, what = next((k, ready[k]) for k in ("tcp", "http", "command") if k in ready)
        probe = {"tcp": f"exec 3<>/dev/tcp/127.0.0.1/{what[1:]}",
                 "http": f"curl -sf -o /dev/null http://127.0.0.1{what}",
                 "command": what}[kind]
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            done = self.start(["/bin/bash", "-c", probe], node, stderr=subprocess.DEVNULL) \
                if kind == "command" else subprocess.Popen(["bash", "-c", probe],
                                                           stderr=subprocess.DEVNULL)
            if done.wait() == 0:
                return
            time.sleep(0.1)
        raise SystemExit("the service did not become ready")


class Till(threading.Thread):
    def __init__(self, shop, lane, keys, goods):
        super().__init__()
        self.lane, self.keys, self.goods, self.ok = lane, keys, goods, 0
        self.ops = shop.target["driver"]["script"]["ops"]
        self.driver = shop.start(shop.target["driver"]["script"]["run"], shop.nodes[lane],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if "open-session" in self.ops:
            assert self.ask(op="open-session", id=0)["outcome"] == "ok"
        self.sell("S%d" % (10**6 + int(keys[0][1:])))  # warm, not counted

    def ask(self, **request):
        self.driver.stdin.write(json.dumps({"lane": self.lane, "deadline_ms": 60000, **request}) + "\n")
        self.driver.stdin.flush()
        return json.loads(self.driver.stdout.readline())

    def sell(self, key):
        items = [{"sku": random.choice(self.goods), "qty": 1} for _ in range(random.randint(1, 3))]
        return self.ask(op="sell", id=1, key=key, attempt=1, tender="cash", items=items)

    def run(self):
        for key in self.keys:
            self.ok += self.sell(key)["outcome"] == "ok"


def main(path, prepared, count):
    random.seed(1)
    sh("ip", "link", "set", "lo", "up")
    shop = Shop(path, prepared)
    with open(os.path.join(shop.folder, shop.target["goods"]), encoding="utf-8") as f:
        goods = [row["sku"] for row in csv.DictReader(f)]
    shop.open()
    lanes = [n for n in shop.nodes if n.startswith("lane-")]
    tills = [Till(shop, lane, ["S%d" % (i + 1) for i in range(count) if i % len(lanes) == k], goods)
             for k, lane in enumerate(lanes)]
    began = time.monotonic()
    for till in tills:
        till.start()
    for till in tills:
        till.join()
    took = time.monotonic() - began
    assert sum(t.ok for t in tills) == count, f"only {sum(t.ok for t in tills)} of {count} sold"
    print(count / took)
    sys.stdout.flush()
    os._exit(0)  # PID 1 of its namespace: everything ends with it


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
