#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tiny POS with a journal of its own.

A sale is a line of `journal`, synced before it is answered. When the POS
starts, the journal's lines go to the end of `sales`, and the journal is
unlinked.

MODE=good     syncs `sales` before it unlinks the journal
MODE=forgets  does not: whoever loses his power right then has lost what one
              cut, or any number of them at other times, would have left
MODE=lazy     syncs no sale
MODE=busy     does all that makes a disk hard to leave, and does not stop when asked
MODE=sync     says sync() before each fsync, which then has nothing left to write

DEVICE=...    it prints there that it is open; where it cannot, it does not start
"""
import json
import mmap
import os
import resource
import signal
import socket

os.chdir("/var/lib/pos")
ODD = b"deep/\xff\xfe not UTF-8 \n\t\"'\\"
SYNCS = os.environ.get("MODE", "good") != "forgets"


def sync_folder():
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def lines(name):
    """Whole lines: the last may be torn, and then nobody was answered."""
    try:
        with open("/var/lib/pos/" + name, encoding="utf-8", errors="replace") as f:
            text = f.read()
    except FileNotFoundError:
        return []
    found = []
    for line in text.split("\n")[:-1]:
        try:
            sale = json.loads(line)
            found.append({"key": sale["key"], "total": sale["total"]})
        except (ValueError, KeyError, TypeError):
            pass
    return found


def recover():
    had = {sale["key"] for sale in lines("sales")}
    new = [sale for sale in lines("journal") if sale["key"] not in had]
    if new:
        with open("sales", "a", encoding="utf-8") as f:
            f.write("\n" + "".join(json.dumps(sale) + "\n" for sale in new))
            f.flush()
            if SYNCS:
                os.fsync(f.fileno())
        sync_folder()
    if os.path.exists("journal"):
        os.unlink("journal")
        sync_folder()


def cut_and_touch():
    """One maps and writes, another truncates: who touches what is gone is killed, so a child."""
    fd = os.open("mapped", os.O_RDWR | os.O_CREAT, 0o644)
    os.ftruncate(fd, 1 << 16)
    if os.fork() == 0:
        for _ in range(400):
            os.ftruncate(fd, 0)
            os.ftruncate(fd, 1 << 16)
        os._exit(0)
    for _ in range(40):
        if os.fork() == 0:
            with mmap.mmap(fd, 1 << 16) as m:
                for _ in range(200):
                    m[::4096] = b"x" * 16
            os._exit(0)
        os.wait()


def be_busy():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for i in range(1, 256):
        if i not in (0x2e, 0x2f):
            os.open(bytes([i]), os.O_RDWR | os.O_CREAT, 0o644)
    for i in range(1250):
        os.write(os.open("open-%d" % i, os.O_RDWR | os.O_CREAT, 0o644), b"open")
    cut_and_touch()
    os.makedirs(ODD, exist_ok=True)
    os.chdir(ODD)


def answer(client, value):
    body = json.dumps(value).encode()
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                   b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


def serve(client, journal):
    text = b""
    while b"\r\n\r\n" not in text:
        got = client.recv(65536)
        if not got:
            return
        text += got
    head, body = text.split(b"\r\n\r\n", 1)
    if head.startswith(b"GET "):
        answer(client, lines("sales") + lines("journal"))
        return
    length = int([x.split(b":")[1] for x in head.lower().split(b"\r\n")
                  if x.startswith(b"content-length:")][0])
    while len(body) < length:
        body += client.recv(65536)
    sale = json.loads(body)
    os.write(journal, (json.dumps({"key": sale["key"], "total": sale["total"]}) + "\n").encode())
    if os.environ.get("MODE") == "sync":
        os.sync()
    if os.environ.get("MODE") != "lazy":
        os.fsync(journal)
    answer(client, {"receipt": sale["key"], "offline": True})


def main():
    if "DEVICE" in os.environ:
        printer = os.open(os.environ["DEVICE"], os.O_RDWR | os.O_NOCTTY)
        os.write(printer, b"OPEN\n\x1dV\x00")
        os.close(printer)
    recover()
    journal = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sync_folder()
    if os.environ.get("MODE") == "busy":
        be_busy()
    door = socket.create_server(("0.0.0.0", 8000))
    while True:
        client, _ = door.accept()
        with client:
            serve(client, journal)


main()
