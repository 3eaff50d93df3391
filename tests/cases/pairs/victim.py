#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A service that can be killed, hung, restarted, starved and limited.

TCP 7001  says which life of it this is, from a thread of its own; or EAGAIN when it can have none
TCP 7002  takes 64 MiB for half a second, then says "fed"
"""
import os
import select
import socket
import sys
import threading
import time

life = f"{time.monotonic_ns()}\n".encode()

DIR = "/var/lib/pair"

if os.path.isdir(DIR):  # its power will be cut: what sync() has kept is there then, and nothing else
    found = sorted(os.listdir(DIR))
    if found not in ([], ["kept"]):
        sys.exit(f"in {DIR} there is {found}")
    for name in () if found else ("kept", "lost"):
        with open(f"{DIR}/{name}", "w") as f:
            f.write(name)
        if name == "kept":
            os.sync()
    life = life.strip() + f" {found}\n".encode()


def tell(s):
    with s:
        s.sendall(life)


def answer(s):
    try:
        threading.Thread(target=tell, args=(s,)).start()
    except RuntimeError:
        with s:
            s.sendall(b"EAGAIN\n")


def eat(s):
    food = b"\1" * (64 << 20)
    select.select([], [], [], 0.5)
    del food  # before anybody goes on: what it has then is what it may have
    with s:
        s.sendall(b"fed")


DOORS = {socket.create_server(("0.0.0.0", port)): do for port, do in ((7001, answer), (7002, eat))}
print("ready", flush=True)
while True:
    for door in select.select(list(DOORS), [], [])[0]:
        try:
            DOORS[door](door.accept()[0])
        except OSError:  # no descriptor: whoever knocks has to wait
            select.select([], [], [], 0.02)
