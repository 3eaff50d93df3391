#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tiny POS that prints with pyserial, as it is: on the line that its by-id link leads to.

What a descriptor shows that was open when the printer was pulled out goes to its log. With EACH=1
it opens the line for each receipt only, and before that many times for itself alone (TIOCEXCL).
"""
import errno
import fcntl
import json
import os
import select
import sqlite3
import termios
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import serial
from serial.tools import list_ports

LINK = "/dev/serial/by-id/usb-worstday_printer-if00-port0"
EACH = os.environ.get("EACH") == "1"
LOCK = threading.Lock()
port = None
db = sqlite3.connect("/var/lib/pos/pos.db", isolation_level=None, check_same_thread=False)
db.execute("CREATE TABLE sales(key TEXT, total INT, number INTEGER)")


def say(*words):
    print(*words, flush=True)


def attempt(name, operation):
    try:
        say("hung up:", name, operation())
    except (OSError, termios.error) as e:
        say("hung up:", name, errno.errorcode[e.args[0]])


def watch():
    """Holds the line open all day beside pyserial, and says how it ends."""
    name = os.path.realpath(LINK)
    fd = os.open(name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(fd, 0)  # hang-up is always reported
    say("watching", name, [p.device for p in list_ports.comports()])
    poll.poll()
    seen = time.monotonic()
    attempt("read", lambda: os.read(fd, 1))
    attempt("write", lambda: os.write(fd, b"x"))
    attempt("tcgetattr", lambda: termios.tcgetattr(fd))
    while os.path.exists(name):
        if time.monotonic() > seen + 1:
            say("hung up: and", name, "is still there")
            return
    say("hung up: the file is gone")
    os.close(fd)
    while not os.path.islink(LINK):
        time.sleep(0.01)
    say("back:", os.readlink(LINK), sorted(os.listdir("/dev/serial/by-id")))


def printed(text):
    global port
    try:
        if port is None:
            port = serial.Serial(LINK, 115200, timeout=1, write_timeout=1)
            say("opened", os.path.realpath(LINK))
        port.reset_input_buffer()
        port.write(b"\x1b@" + text.encode() + b"\x1dV\x41\x03")
        port.write(b"\x1dr\x01")
        if port.read(1) != b"\x00":
            raise serial.SerialException("no answer")
        if EACH:
            port.close()
            port = None
        return True
    except (OSError, serial.SerialException, termios.error) as e:
        say("not printed:", e)
        if port is not None:
            port.close()
        port = None
        return False


def locked_once():
    """Opens, locks and closes the line; on a real one the lock is gone with the last close."""
    until = time.monotonic() + 5
    while True:
        try:
            fd = os.open(LINK, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            break
        except OSError:
            if time.monotonic() > until:
                raise
    fcntl.ioctl(fd, termios.TIOCEXCL)
    return fd


class Till(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

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
        with LOCK:
            number = 1 + db.execute("SELECT count(*) FROM sales").fetchone()[0]
            db.execute("INSERT INTO sales VALUES(?, ?, ?)", (sale["key"], sale["total"], number))
            printed(f"one line\nTOTAL EUR {sale['total'] / 100:.2f}\nReceipt {number}\n"
                    f"Ref {sale['key']}\n")
        self.reply({"receipt": str(number), "total": sale["total"]})


for n in range(300 if EACH else 0):
    line = locked_once()
    if n % 3 == 0:
        os.write(line, b"\x10\x04\x01")  # a question, and nobody waits for the answer
    os.close(line)
if not EACH:
    threading.Thread(target=watch, daemon=True).start()
ThreadingHTTPServer(("0.0.0.0", 8000), Till).serve_forever()
