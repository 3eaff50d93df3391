#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The other end of every pair: answers what it is asked, and keeps the books of the three sales.

TCP 9000  a line is answered with ANSWER; what was asked is remembered by the asker's address
TCP 9005  the same, but it does not close when the asker has: what becomes of it then is remembered
TCP 9003  which lines this asker has got through to port 9000
TCP 9004  a sale for the books
UDP 9001  echo; UDP 9002 echo, but only behind all that has come to 9001
"""
import collections
import errno
import json
import select
import selectors
import socket
import sqlite3

ANSWER = b"a" * 199 + b"\n"

asked = collections.defaultdict(list)
events = selectors.DefaultSelector()
watch = select.epoll()
left = {}
books = sqlite3.connect("/var/lib/peer/books.db", isolation_level=None)
books.execute("CREATE TABLE sales (key TEXT PRIMARY KEY, total INTEGER)")


def book(line):
    sale = json.loads(line)
    books.execute("INSERT INTO sales VALUES (?, ?)", (sale["key"], sale["total"]))
    return b"ok\n"


def answer(port, who, line):
    if port in (9000, 9005):
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
        if port == 9005:
            left[s.fileno()] = s, who
            watch.register(s.fileno(), 0)  # errors are told always
        else:
            s.close()


def broken():
    """An end of ours whose other end is gone: by what it is told of that."""
    for fd, _ in watch.poll(0):
        s, who = left.pop(fd)
        watch.unregister(fd)
        error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        asked[who].append(errno.errorcode.get(error, "?"))
        s.close()


def accept(server, port):
    s, who = server.accept()
    s.setblocking(False)
    heard = bytearray()
    events.register(s, selectors.EVENT_READ, lambda: talk(s, port, who[0], heard))


def waiting(s):
    while True:
        try:
            yield s.recvfrom(65536)
        except BlockingIOError:
            return


def echo(s):
    for data, who in waiting(s):
        s.sendto(data, who)


def behind(s, first):
    ends = list(waiting(s))  # taken before what came before them: none gets past its own
    echo(first)
    for data, who in ends:
        s.sendto(data, who)


def udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    s.setblocking(False)
    return s


def listen(port):
    s = socket.create_server(("0.0.0.0", port), backlog=64)
    events.register(s, selectors.EVENT_READ, lambda: accept(s, port))


for number in 9000, 9003, 9004, 9005:
    listen(number)
plain, last = udp(9001), udp(9002)
events.register(watch, selectors.EVENT_READ, broken)
events.register(plain, selectors.EVENT_READ, lambda: echo(plain))
events.register(last, selectors.EVENT_READ, lambda: behind(last, plain))
print("ready", flush=True)
while True:
    for key, _ in events.select():
        key.data()
