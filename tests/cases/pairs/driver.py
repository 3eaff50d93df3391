#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each sale is a phase: off, on, healed. All nodes try their operation, then it is booked."""
import concurrent.futures
import json
import socket
import sys

NODES = json.load(open("/target/nodes.json"))


def ask(host, port, what, deadline):
    with socket.create_connection((host, port), deadline) as s:
        s.settimeout(deadline)
        s.sendall(json.dumps(what).encode() + b"\n")
        return json.loads(s.makefile().readline() or '"nothing"') if port == 7000 else s.recv(9)


def attempt(node, phase):
    try:
        return ask(node, 7000, {"phase": phase}, 60)
    except OSError as e:
        return f"the node's agent: {e}"


with concurrent.futures.ThreadPoolExecutor(len(NODES)) as pool:
    for phase, line in zip(("off", "on", "healed"), sys.stdin):
        r = json.loads(line)
        got = dict(zip(NODES, pool.map(lambda n: attempt(n, phase), NODES)))
        print("PAIRS", json.dumps({"phase": phase, "got": got}), file=sys.stderr, flush=True)
        ask("peer", 9004, {"key": r["key"], "total": r["amount"]}, 60)
        print(json.dumps({"id": r["id"], "outcome": "ok", "total": r["amount"],
                          "currency": "EUR"}), flush=True)
