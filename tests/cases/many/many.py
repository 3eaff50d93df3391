#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two ends of MANY connections.

peer: answers the 100 bytes of every connection on port 9000 with the same 100 bytes.
shop: a tiny POS; its third sale opens MANY connections to the peer, holds them all, then sends
100 bytes on one after the other and waits for its answer. It prints how
many were established at once, how many were answered, and which of them (from 1) were reset.
"""
import json
import os
import resource
import select
import selectors
import socket
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANY = int(os.environ.get("MANY", "1000"))
SIZE = 100
DATA = "/var/lib/pos"


def say(*words):
    print(*words, flush=True)


def raise_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


# ---- the peer ----

def read_peer(selector, s, got):
    try:
        data = s.recv(4096)
    except OSError:
        data = b""
    if not data:
        selector.unregister(s)
        s.close()
        return
    got[0] += data
    if len(got[0]) >= SIZE:
        s.send(got[0])
        got[0] = b""


def peer():
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("0.0.0.0", 9000), backlog=4096)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ, None)
    say("listening")
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                read_peer(selector, key.fileobj, key.data)
                continue
            try:
                while True:
                    s = listener.accept()[0]
                    s.setblocking(False)
                    selector.register(s, selectors.EVENT_READ, [b""])
            except BlockingIOError:
                pass


# ---- the shop ----

def open_at_once():
    """The SYNs go out in order; a lost one does not keep the next waiting."""
    address = socket.gethostbyname("peer")
    ends = [socket.socket() for _ in range(MANY)]
    waiting = selectors.DefaultSelector()
    for s in ends:
        s.setblocking(False)
        s.connect_ex((address, 9000))
        waiting.register(s, selectors.EVENT_WRITE)
    left = MANY
    while left:
        for key, _ in waiting.select(1):
            waiting.unregister(key.fileobj)
            left -= 1
    return ends


def open_all():
    """One after the other, so that the n-th connection is the n-th for the wire, too."""
    ends = []
    if os.environ.get("AT_ONCE"):
        return open_at_once()
    for _ in range(MANY):
        s = socket.create_connection(("peer", 9000), timeout=30)
        s.setblocking(False)
        ends.append(s)
    return ends


def answer(s, i):
    """Asks on connection i; the answer, None when it was reset."""
    got, waiting = b"", select.poll()
    waiting.register(s, select.POLLIN)
    s.send(question(i))
    while len(got) < SIZE and waiting.poll(60000):
        try:
            data = s.recv(4096)
        except OSError:
            return None
        if not data:
            return None
        got += data
    return got


def answers(ends):
    """One after the other, so that the n-th to get there is the n-th. At once: all asked first."""
    if not os.environ.get("AT_ONCE"):
        return [answer(s, i) for i, s in enumerate(ends)]
    for i, s in enumerate(ends):
        s.send(question(i))
    got = []
    for s in ends:
        s.setblocking(True)
        s.settimeout(60)
        got.append(s.recv(SIZE, socket.MSG_WAITALL))
    return got


def question(i):
    return (b"%08d" % i) * (SIZE // 8) + b"x" * (SIZE % 8)


def many():
    began = time.monotonic()
    ends = open_all()
    say("many: established", len(ends))
    got = answers(ends)
    right = sum(g == question(i) for i, g in enumerate(got))
    say("many: answered", right)
    say("many: reset", [i + 1 for i, g in enumerate(got) if g is None])
    say("many: seconds %.1f" % (time.monotonic() - began))
    for s in ends:
        s.close()


def ask():
    with socket.create_connection(("peer", 9000), timeout=10) as s:
        s.sendall(question(7))
        got = b""
        while len(got) < SIZE:
            got += s.recv(SIZE)
        say("asked the peer" if got == question(7) else "the peer said something else")


class Till(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    db = None
    sales = 0
    lock = threading.Lock()

    def log_message(self, *args):
        pass

    def reply(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply({})

    def do_POST(self):
        sale = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            Till.sales += 1
            if os.environ.get("EACH"):
                ask()
            elif Till.sales == 3:
                many()
            self.db.execute("INSERT INTO sales VALUES(?, ?, 1 + (SELECT count(*) FROM sales))",
                            (sale["key"], sale["total"]))
        self.reply({"receipt": sale["key"], "total": sale["total"]})


def shop():
    Till.db = sqlite3.connect(DATA + "/pos.db", isolation_level=None, check_same_thread=False)
    Till.db.execute("CREATE TABLE sales(key TEXT, total INT, number INTEGER)")
    ThreadingHTTPServer(("0.0.0.0", 8000), Till).serve_forever()


say("files", raise_limit())
{"peer": peer, "shop": shop}[sys.argv[1]]()
