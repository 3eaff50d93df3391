#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A till that finds its store by name: anew for every sale, or once (CACHE=1)."""
import functools
import json
import os
import socket
import sys

HOST = os.environ.get("HOST", "db.example.com")
FAMILY = socket.AF_INET6 if os.environ.get("V6") else socket.AF_INET


@functools.lru_cache
def remembered():
    return socket.getaddrinfo(HOST, 8000, FAMILY, socket.SOCK_STREAM)[0][4]


def find():
    return remembered() if os.environ.get("CACHE") else remembered.__wrapped__()


def sell(r):
    with socket.socket(FAMILY, socket.SOCK_STREAM) as s:
        s.settimeout(1)
        s.connect(find())
        s.sendall((json.dumps({"key": r["key"], "total": r["amount"]}) + "\n").encode())
        if s.recv(10) != b"ok\n":
            raise OSError("no answer")


if os.environ.get("CACHE"):
    remembered()
for line in sys.stdin:
    r = json.loads(line)
    answer = {"id": r["id"], "outcome": "ok", "total": r.get("amount", 0), "currency": "EUR"}
    try:
        sell(r)
    except OSError as e:
        answer = {"id": r["id"], "outcome": "unknown", "error": str(e)}
    print(json.dumps(answer), flush=True)
