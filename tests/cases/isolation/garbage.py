#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the bad node's network with every right over it, until it is ended: garbage of all sorts
to its eth0, past its routing table, and marked packets with forged senders to where they must not
get. MARK ADDRESS..."""
import ipaddress
import random
import select
import signal
import socket
import struct
import sys

SOL_PACKET, PACKET_VNET_HDR = 263, 15
mark, addresses = sys.argv[1].encode(), [ipaddress.ip_address(a) for a in sys.argv[2:]]
rng = random.Random(1)
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
neighbours = [bytes([10, 77, 0, n]) for n in (1, 2, 3, 200)]
counts = {"sent": 0, "refused": 0}


def checksum(data):
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    s = (s & 0xffff) + (s >> 16)
    return ~(s + (s >> 16)) & 0xffff


def ip4(source, to, proto, payload, fragment=0):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), rng.randrange(65536), fragment,
                       64, proto, 0, source, to)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(source, to, proto, payload):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), proto, 64, source, to) + payload


def noise(n):
    return rng.randbytes(n)


def udp(payload):
    return struct.pack("!HHHH", 4000, 5000, 8 + len(payload), 0) + payload


def tcp(payload):
    return struct.pack("!HHIIBBHHH", rng.randrange(65536), rng.choice((1, 7, 4000)),
                       rng.randrange(1 << 32), rng.randrange(1 << 32), rng.choice((5, 5, 5, 15, 0)) << 4,
                       rng.randrange(256), 1000, 0, 0) + payload


def marked():
    to = rng.choice(addresses)
    forged = rng.choice(addresses)
    body = udp(mark)
    if to.version == 4:
        source = forged.packed if forged.version == 4 else neighbours[0]
        return 0x0800, b"", ip4(source, to.packed, 17, body)
    source = forged.packed if forged.version == 6 else bytes(16)
    return 0x86dd, b"", ip6(source, to.packed, 17, body)


def bad_tcp():
    return 0x0800, b"", ip4(rng.choice(neighbours), rng.choice(neighbours), 6, tcp(noise(rng.randrange(1300))))


def large():
    header = struct.pack("=BBHHHH", 1, 1, 40, rng.choice((1, 100, 1448, 3000)), 20, 16)
    return 0x0800, header, ip4(neighbours[2], rng.choice(neighbours), 6,
                               tcp(noise(rng.randrange(1, 30000))))


def fragments():
    return 0x0800, b"", ip4(neighbours[2], rng.choice(neighbours), rng.choice((6, 17, 1)),
                            noise(8 * rng.randrange(150)), rng.randrange(65536))


def headers6():
    to = b"\xfd\x77" + bytes(13) + bytes([rng.choice((1, 2))])
    chain = b"".join(bytes([rng.choice((0, 43, 44, 60, 6, 17)), rng.randrange(3)]) + noise(6)
                     for _ in range(rng.randrange(30)))
    return 0x86dd, b"", ip6(to[:15] + b"\x03", to, rng.choice((0, 43, 44, 60)), chain)


def anything():
    packet = bytearray(noise(rng.randrange(1, 1500)))
    packet[0] = rng.choice((0x45, 0x4f, 0x60, packet[0]))
    packet[16:20] = neighbours[rng.randrange(3)]
    return 0x0800, b"", bytes(packet)


def report(*_):
    print("%(sent)d sent, %(refused)d refused" % counts, flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, report)
print("throwing", flush=True)
while True:
    if (counts["sent"] + counts["refused"]) % 50 == 0:
        select.select([], [], [], 0.01)  # enough is enough: the sales should be quick
    kind, header, packet = rng.choice((marked, bad_tcp, large, fragments, headers6, anything))()
    try:
        out.sendto((header or bytes(10)) + packet, ("eth0", kind))
        counts["sent"] += 1
    except OSError:
        counts["refused"] += 1
