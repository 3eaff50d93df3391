#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a service can do without any right: send to every address that might lead out.

ADDRESSES: those of the host, PORT: where it listens, MARK: what must not be seen there.
"""
import os
import socket
import time

MARK = os.environ["MARK"].encode()
PORT = int(os.environ["PORT"])
FIXED = ["127.0.0.1", "127.0.0.53", "127.255.255.254", "0.0.0.0", "255.255.255.255", "10.77.0.0",
         "10.77.0.254", "10.77.0.255", "169.254.169.254", "192.0.2.1", "224.0.0.1", "224.0.0.251",
         "239.255.255.250", "240.0.0.1", "::1", "::", "fe80::1", "ff01::1", "ff02::1", "ff02::2",
         "ff02::fb", "ff05::1", "ff0e::1", "fd77::ffff", "fd77:0:0:1::1", "2001:db8::1",
         "::ffff:127.0.0.1", "64:ff9b::1"]
sent = refused = 0


def attempt(what):
    global sent, refused
    try:
        what()
        sent += 1
    except OSError:
        refused += 1


def datagram(address):
    v6 = ":" in address
    with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setblocking(False)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.sendto(MARK, (address, PORT, 0, socket.if_nametoindex("eth0")) if v6 else (address, PORT))


def connection(address):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        s.settimeout(0.05)
        s.connect((address, PORT))
        s.send(MARK)


def abstract(kind):
    with socket.socket(socket.AF_UNIX, kind) as s:
        s.connect("\0" + MARK.decode())
        s.send(MARK)


def raw(family, kind, proto):
    with socket.socket(family, kind, proto) as s:
        s.sendto(MARK, ("127.0.0.1", 0))


for where in FIXED + os.environ["ADDRESSES"].split():
    attempt(lambda: datagram(where))
    attempt(lambda: connection(where))
for how in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    attempt(lambda: abstract(how))
for how in ((socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
            (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
            (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW),
            (socket.AF_PACKET, socket.SOCK_DGRAM, 0x0300)):
    attempt(lambda: raw(*how))
print("tried: %d sent, %d refused" % (sent, refused), flush=True)
while True:
    time.sleep(3600)
