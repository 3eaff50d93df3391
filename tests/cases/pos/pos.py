#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tiny POS for the tests, which misbehaves on request (MODE=...).

Expected: with MODE=good every promise holds; every other mode is one way in
which software under test can be bad, and the harness must say so plainly.
"""
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODE = os.environ.get("MODE", "good")
DATA = "/var/lib/pos"
LOCK = threading.Lock()


def database():
    db = sqlite3.connect(DATA + "/pos.db", isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE IF NOT EXISTS sales(key TEXT, total INT, number INTEGER)")
    return db


def book(sale):
    with LOCK:
        Till.db.execute(
            "INSERT INTO sales VALUES(?, ?, 1 + (SELECT count(*) FROM sales))",
            (sale["key"], sale["total"]))


def later(sale):
    """Book it when everybody believes that the day is over."""
    threading.Timer(1.2, book, (sale,)).start()


class Till(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: two would wait 40 ms for a delayed ACK
    db = None
    left = 4  # sales until MODE=leaves is gone

    def log_message(self, *args):
        pass

    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply(503 if MODE == "never-ready" else 200, {"mode": MODE})

    def do_POST(self):
        sale = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print("selling", sale["key"], flush=True)
        if MODE == "broken-http":
            self.wfile.write(b"HTTP/1.1 2OO fine\r\nContent-Length: minus one\r\n\r\n\x00\xff")
            self.close_connection = True
            return
        if MODE == "hangs":
            time.sleep(3600)
        if MODE == "refuses":
            self.reply(409, {"refused": "closed today"})
            return
        if MODE == "fills-disk":
            with open(DATA + "/junk", "ab") as junk:
                while True:
                    junk.write(b"x" * (16 << 20))
        if MODE == "fills-and-frees":
            try:
                with open(DATA + "/junk", "ab") as junk:
                    while True:
                        junk.write(b"x" * (16 << 20))
            except OSError:
                os.unlink(DATA + "/junk")
        if MODE == "books-refused":
            later(sale)
            self.reply(409, {"refused": "closed today"})
            return
        if MODE == "doubles-late":
            later(sale)
        if MODE == "says-timeout":
            self.reply(503, {"error": "the bank timed out"})
            return
        if MODE != "loses":
            book(sale)
        if MODE == "bad-books":
            os.unlink(DATA + "/pos.db-wal")
            with open(DATA + "/pos.db", "r+b") as f:
                f.write(b"this is not a database any more " * 200)
        self.reply(200, {"receipt": sale["key"], "total": sale["total"]})
        if MODE == "leaves":
            with LOCK:
                Till.left -= 1
            if Till.left <= 0:
                os._exit(1)


def flood():
    line = "x" * 1000
    while True:
        sys.stdout.write(line + "\n")


def main():
    if MODE == "exits":
        print("cannot find my configuration", flush=True)
        sys.exit(3)
    if MODE == "ignores-term":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if MODE == "daemon":
        if os.fork():
            os._exit(0)
        time.sleep(2)  # a daemon that is not yet serving when its parent has gone
    if MODE == "flood":
        threading.Thread(target=flood, daemon=True).start()
    Till.db = database()
    print("open", flush=True)
    ThreadingHTTPServer(("0.0.0.0", 8000), Till).serve_forever()


main()
