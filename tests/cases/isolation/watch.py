#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""On the host: listens on every address and on an abstract name, and to every interface, until it
is ended. Prints its port, then what was seen that came out of a trial, then how many packets it saw
at all. MARK"""
import select
import signal
import socket
import sys

mark = sys.argv[1].encode()
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
packets.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
tcp = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
port = tcp.getsockname()[1]
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(("", port))
names = []
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind("\0" + mark.decode() + ("" if kind == socket.SOCK_STREAM else "-datagrams"))
    if kind == socket.SOCK_STREAM:
        s.listen()
    names.append(s)
count = 0
shop = (bytes([10, 77, 0]), bytes([0xfd, 0x77, 0, 0, 0, 0, 0, 0]))


def report(*_):
    print("packets", count, flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, report)
print(port, flush=True)
while True:
    for s in select.select([packets, tcp, udp] + names, [], [])[0]:
        if s is packets:
            data, where = s.recvfrom(65535)
            count += 1
            if mark in data or any(x in data[:60] for x in shop):
                print("SEEN on %s: %s" % (where[0], data[:80].hex()), flush=True)
        elif s.type == socket.SOCK_STREAM:
            print("SEEN a connection from", s.accept()[1], flush=True)
        else:
            print("SEEN", s.recvfrom(65535), flush=True)
