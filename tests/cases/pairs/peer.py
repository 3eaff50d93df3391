#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The other end of every pair: answers what it is asked, and keeps the books of the three sales.

TCP 9000  a line is answered with ANSWER; what was asked is remembered by the asker's address
TCP 9003  which lines this asker has got through to port 9000
TCP 9004  a sale for the books
UDP 9001  echo; UDP 9002 echo, but only behind all that has come to 9001
"""
import collections
import json
import selectors
import socket
import sqlite3

ANSWER = b"a" * 199 + b"\n"

asked = collections.defaultdict(list)
events = selectors.DefaultSelector()
books = sqlite3.connect("/var/lib/peer/books.db", isolation_level=None)
books.execute("CREATE TABLE sales (key TEXT PRIMARY KEY, total INTEGER)")


def book(line):
    sale = json.loads(line)
    books.execute("INSERT INTO sales VALUES (?, ?)", (sale["key"], sale["total"]))
    return b"ok\n"


def answer(port, who, line):
    if port == 9000:
        asked[who].append(line.decode().strip())
        return ANSWER
    if port == 9003:
        return json.dumps(asked[who]).encode() + b"\n"
    return book(line)


def talk(s, port, who, heard):
    try:
        data = s.recv(4096)
        heard += data
        while b"\n" in heard:
            line, _, rest = bytes(heard).partition(b"\n")
            heard[:] = rest
            s.sendall(answer(port, who, line))
    except BlockingIOError:
        return
    except OSError:
        data = b""
    if not data:
        events.unregister(s)
        s.close()


def accept(server, port):
    s, who = server.accept()
    s.setblocking(False)
    heard = bytearray()
    events.register(s, selectors.EVENT_READ, lambda: talk(s, port, who[0], heard))


def echo(s):
    while True:
        try:
            data, who = s.recvfrom(65536)
        except BlockingIOError:
            return
        s.sendto(data, who)


def behind(s, first):
    echo(first)
    echo(s)


def udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    s.setblocking(False)
    return s


def listen(port):
    s = socket.create_server(("0.0.0.0", port), backlog=64)
    events.register(s, selectors.EVENT_READ, lambda: accept(s, port))


for number in 9000, 9003, 9004:
    listen(number)
plain, last = udp(9001), udp(9002)
events.register(plain, selectors.EVENT_READ, lambda: echo(plain))
events.register(last, selectors.EVENT_READ, lambda: behind(last, plain))
print("ready", flush=True)
while True:
    for key, _ in events.select():
        key.data()
