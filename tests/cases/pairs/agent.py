#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One node of the table: tries its operation when told to, and says what came of it."""
import ctypes
import errno
import http.client
import json
import os
import select
import socket
import struct
import sys
import time
import tty

PEER = None         # its address: only the rows about names ask for it again
SILENCE = 2.5       # seconds without a word after which nobody is waited for
PATIENCE = 30       # seconds for what must come
ANSWER = 200        # bytes of an answer of the peer
MANY = 3000         # as in the table: too many to be told one by one
DIR = "/var/lib/pair"
ANCHOR = time.time() - time.monotonic()
kept = {}           # what an operation keeps from one phase to the next


def name(e):
    return errno.errorcode.get(e.errno, str(e)) if e.errno else type(e).__name__


def bits(data):
    return sum(bin(byte).count("1") for byte in data)


# ---- datagrams ----

def datagrams(sizes, wait=None):
    """What comes back: until the last one, behind all others, does; or, of `wait`, so many."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        for i, size in enumerate(sizes):
            s.sendto(bytes([i]) + bytes(size - 1), (PEER, 9001))
        if wait is None:
            s.sendto(b"last", (PEER, 9002))
        back = []
        while wait is None or len(back) < wait:
            data = s.recv(65536)
            if data == b"last":
                break
            back.append(data)
    return back


def order(phase, sizes, wait=None):
    """Their numbers. (A last one, not held up, is no help where others are.)"""
    return [d[0] for d in datagrams(sizes, wait)]


def turned(phase):
    """How many bits of each are not as they were sent."""
    return [bits(d[1:]) + bits(bytes([d[0] ^ i])) for i, d in enumerate(datagrams([64] * 3))]


def times(phase, seconds, once):
    """Is it late, by so much at least? A busy machine may be late by itself, not each time."""
    late = []
    for _ in range(3):
        began = time.monotonic()
        once()
        late.append(time.monotonic() - began >= seconds)
    return "late" if all(late) else "some late" if phase == "on" and any(late) else "in time"


def a_while(phase, seconds, once):
    """The same for what cannot be done three times alike when it is slow."""
    for _ in range(1 if phase == "on" else 3):
        began = time.monotonic()
        once()
        if time.monotonic() - began < seconds:
            return "in time"
    return "late"


def echoes(phase):
    """One after the other, so that no queue on the way is ever full."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.connect((PEER, 9001))
        return sum(s.send(b"x") == len(s.recv(9)) for _ in range(MANY))


# ---- connections ----

def connect(port=9000):
    s = socket.create_connection((PEER, port), PATIENCE)
    s.settimeout(PATIENCE)
    return s


def line(s, ask, silence=PATIENCE):
    """How many bytes of its answer came, and how it ended. No `ask`: it has been asked before."""
    got = 0
    s.settimeout(silence)
    try:
        s.sendall(ask.encode() + b"\n" if ask else b"")
        while got < ANSWER:
            data = s.recv(ANSWER - got)
            if not data:
                return [got, "end"]
            got += len(data)
        return [got, "ok"]
    except TimeoutError:
        return [got, "silence"]
    except OSError as e:
        return [got, name(e)]


def asks(phase, silence=PATIENCE):
    """A new connection: what came of it and of a question."""
    try:
        s = connect()
    except OSError as e:
        return name(e)
    with s:
        return line(s, phase, silence)


def heard():
    """What the other end has got from here."""
    with connect(9003) as s:
        s.sendall(b"?\n")
        return json.loads(s.makefile().readline())


def asks_and_heard(phase, silence=PATIENCE):
    """And whether the other end has got the question."""
    got = asks(phase, silence)
    return [got, heard().count(phase)]


def leaves(phase):
    """Closes before an answer that is late; then what the other end, which has sent it, is told."""
    with connect(9005) as s:
        got = line(s, phase, 0.2 if phase == "on" else PATIENCE)
    end = time.monotonic() + PATIENCE
    while phase == "on" and heard()[-1] == phase and time.monotonic() < end:
        select.select([], [], [], 0.02)
    last = heard()[-1]
    return [got, "open" if last == phase else last]


def keeps(phase):
    """A connection kept since the first phase, and a new one. What was asked in silence is answered
    when the way is free again."""
    if "s" not in kept:
        kept["s"] = connect()
    ask = phase if phase != "healed" else None
    return [line(kept["s"], ask, SILENCE if phase == "on" else PATIENCE), asks(phase)]


# ---- names ----

def look(host="peer.example.com"):
    try:
        address = socket.getaddrinfo(host, 1, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
    except socket.gaierror as e:
        return {socket.EAI_NONAME: "EAI_NONAME", socket.EAI_AGAIN: "EAI_AGAIN"}.get(
            e.errno, str(e))
    return "peer" if address == PEER else "nobody" if address.endswith(".254") else address


def questions(phase):
    """Asked by hand, so that nobody asks twice: how many are answered with an error."""
    with open("/etc/resolv.conf") as f:
        server = f.read().split("nameserver", 1)[1].split()[0]
    name = b"".join(bytes([len(x)]) + x for x in (b"peer", b"example", b"com", b""))
    bad = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.connect((server, 53))
        for i in range(MANY):
            s.send(struct.pack(">HHHHHH", i, 0x100, 1, 0, 0, 0) + name + b"\0\1\0\1")
            bad += s.recv(512)[3] & 15 != 0
    return bad


# ---- files ----

def file(phase, flags, do=lambda fd: "ok", path="f"):
    try:
        fd = os.open(f"{DIR}/{path}", flags, 0o644)
        try:
            return do(fd)
        finally:
            os.close(fd)
    except OSError as e:
        return name(e)


def appends(phase):
    return file(phase, os.O_WRONLY | os.O_APPEND, lambda fd: os.write(fd, bytes(8192)))


def reads(phase):
    return file(phase, os.O_RDONLY, lambda fd: bits(os.pread(fd, 4096, 0)))


LIBC = ctypes.CDLL(None, use_errno=True)


def interrupted(phase):
    """Python itself would ask again."""
    def do(fd):
        n = LIBC.read(fd, ctypes.create_string_buffer(4096), 4096)
        return errno.errorcode[ctypes.get_errno()] if n < 0 else n - 4096
    return file(phase, os.O_RDONLY, do)


def writes_back(phase):
    """Written in one, and how much of it is there."""
    def do(fd):
        n = os.write(fd, b"\1" * 4096)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # what the disk has, not the cache
        return [n, os.pread(fd, 4096, 0).count(1)]
    return file(phase, os.O_RDWR | os.O_CREAT, do, phase)


def reads_again(phase):
    """Which of two writes is read back, past the cache."""
    def do(fd):
        for byte in b"\1", b"\2":
            os.pwrite(fd, byte * 4096, 0)
        return os.pread(fd, 4096, 0)[0]
    return file(phase, os.O_RDWR | os.O_CREAT | os.O_DIRECT, do, phase)


def syncs_twice(phase):
    """What both say, and how much of what was written is there."""
    def sync(fd):
        try:
            return os.fsync(fd) or "ok"
        except OSError as e:
            return name(e)

    def do(fd):
        os.write(fd, b"\1" * 4096)
        return [sync(fd), sync(fd), os.pread(fd, 4096, 0).count(1)]
    return file(phase, os.O_RDWR | os.O_CREAT, do, phase)


def failures(phase):
    """How many of many writes fail."""
    bad = 0
    fd = os.open(f"{DIR}/f", os.O_WRONLY)
    for _ in range(MANY):
        try:
            os.pwrite(fd, b"x", 0)
        except OSError:
            bad += 1
    os.close(fd)
    return bad


def writes_one_of_two(phase):
    """The first of two blocks, and how much of it is in each."""
    def do(fd):
        os.write(fd, bytes(8192))  # there is no other place for that one
        os.pwrite(fd, b"\1" * 4096, 0)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return [os.pread(fd, 4096, at).count(1) for at in (0, 4096)]
    return file(phase, os.O_RDWR | os.O_CREAT, do, phase)


# ---- inside the process ----

def zone(phase):
    time.tzset()
    return time.tzname[0]


def day_clock(phase):
    """By how many minutes the time of day has moved against the steady clock since the start."""
    return round((time.time() - time.monotonic() - ANCHOR) / 60)


# ---- the bank ----

def bank(method, path, body=None, key=None):
    """One request: what came of it, as the bank's JSON; a number when it is an error; or gone."""
    c = http.client.HTTPConnection("bank", 8080, timeout=PATIENCE)
    try:
        c.request(method, path, json.dumps(body) if body else None,
                  {"Idempotency-Key": key} if key else {})
        r = c.getresponse()
        said = json.loads(r.read())
        return said if r.status < 300 else "unknown" if r.status == 404 else r.status
    except (ConnectionError, http.client.HTTPException):
        return "gone"
    finally:
        c.close()


def sale(phase):
    return f"{sys.argv[1]}-{phase}"


def pays(phase, key=None):
    said = bank("POST", "/v1/payments", {"reference": sale(phase), "amount": 1295,
                                         "currency": "EUR", "capture": True}, key)
    if not isinstance(said, dict):
        return said
    return said["state"] + ("" if said["code"] == "00" else " " + said["code"])


def pays_and_asks(phase):
    """What the till heard, and what the bank has."""
    heard = pays(phase, sale(phase))
    has = bank("GET", f"/v1/payments?original={sale(phase)}")
    return [heard, has["state"] if isinstance(has, dict) else has]


def answers(phase):
    """How many come to one request; the connection is closed behind the last."""
    body = json.dumps({"reference": sale(phase), "amount": 1, "currency": "EUR"})
    with socket.create_connection(("bank", 8080), PATIENCE) as s:
        s.settimeout(PATIENCE)
        s.sendall(f"POST /v1/payments HTTP/1.1\r\nConnection: close\r\nContent-Length: "
                  f"{len(body)}\r\n\r\n{body}".encode())
        return s.makefile().read().count("HTTP/1.1 201")


def writes_to_pipe(phase):
    r, w = os.pipe()
    try:
        return os.write(w, b"12345")
    except OSError as e:
        return name(e)
    finally:
        os.close(r)
        os.close(w)


def allocates(phase):
    """A megabyte, and a little."""
    got = []
    for size in 1000000, 100:
        try:
            got.append(len(bytearray(size)))
        except MemoryError:
            got.append("MemoryError")
    return got


def runs(phase):
    """How fast the time of day runs against the steady clock."""
    steady, day = time.monotonic(), time.time()
    select.select([], [], [], 0.3)
    speed = (time.time() - day) / (time.monotonic() - steady)
    return "still" if speed < 0.1 else "fast" if speed > 1.3 else "right"


def to_and_fro(phase):
    """Which times of day there are within half a second, in minutes off."""
    seen, end = set(), time.monotonic() + 0.5
    while time.monotonic() < end:
        seen.add(day_clock(phase))
        select.select([], [], [], 0.005)
    return sorted(seen)


# ---- a card terminal ----

def bcd(number, size):
    return bytes.fromhex(f"{number:0{2 * size}d}")


def talk(c, command, amount):
    """What the terminal says to one command, word by word, until it ends or falls silent."""
    words = []
    try:
        c.sendall(command)
        while True:
            head = c.recv(3, socket.MSG_WAITALL)
            if len(head) < 3:
                return words + ["gone"]
            data = c.recv(head[2], socket.MSG_WAITALL) if head[2] else b""
            if head[:2] == b"\x80\x00":
                words.append("ack")
                continue
            c.sendall(b"\x80\x00\x00")
            if head[:2] == b"\x04\x0f":  # 27 result, 04 amount
                words.append(("own " if data[3:9] == bcd(amount, 6) else "other ") + data[1:2].hex())
            elif head[:2] in (b"\x06\x0f", b"\x06\x1e"):
                return words + ["done" if head[1] == 0x0f else "failed"]
    except TimeoutError:
        return words + ["silence"]
    except ConnectionError:
        return words + ["reset"]


def taps(phase, patience=None, ask=False):
    """A payment of another amount in each phase; ask: and then what the last one was."""
    amount = {"off": 100, "on": 200, "healed": 300}[phase]
    address = (f"terminal-{socket.gethostname()}", 20007)
    with socket.create_connection(address, patience or PATIENCE) as c:
        said = talk(c, b"\x06\x01\x07\x04" + bcd(amount, 6), amount)
    if not ask:
        return said
    with socket.create_connection(address, PATIENCE) as c:
        return said + talk(c, b"\x06\x20\x03\0\0\0", amount)


# ---- a printer ----

def prints(phase, want=3, patience=PATIENCE):
    """A receipt of three lines, and what it answers: behind it (GS r 1), at once (DLE EOT 2, 4)."""
    got = b""
    try:
        with socket.create_connection((f"printer-{socket.gethostname()}", 9100), patience) as s:
            s.settimeout(patience)
            s.sendall(b"\x1b@one\ntwo\nthree\n\x1dV\x41\x03\x1dr\x01\x10\x04\x02\x10\x04\x04")
            while len(got) < want:
                data = s.recv(want - len(got))
                if not data:
                    return "end"
                got += data
    except TimeoutError:
        return got.hex(" ")
    except ConnectionError:
        return "reset"
    return got.hex(" ")


def plugged(phase):
    """Can it be reached at all?"""
    if phase == "on":
        try:
            socket.create_connection((f"printer-{socket.gethostname()}", 9100), SILENCE).close()
        except TimeoutError:
            return "no way"
    return prints(phase)


def two_clients(phase):
    """One has come and says nothing; then another one prints."""
    with socket.create_connection((f"printer-{socket.gethostname()}", 9100), PATIENCE) as first:
        if phase == "on":
            return prints(phase)
        first.close()
        return prints(phase)


def drawer(phase):
    """A pulse, and what DLE EOT 1 then says, when the drawer is shut before."""
    with socket.create_connection((f"printer-{socket.gethostname()}", 9100), PATIENCE) as s:
        s.settimeout(PATIENCE)
        s.sendall(b"\x10\x04\x01")
        while s.recv(1) != b"\x12":
            time.sleep(0.01)
            s.sendall(b"\x10\x04\x01")
        s.sendall(b"\x1bp\x00\x32\x32\x10\x04\x01")
        return s.recv(1).hex()


# ---- a scanner ----

def scans(phase):
    """What it says of an article held in front of it, each code and CR; until it says no more."""
    fd = os.open("/dev/ttyUSB0", os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(fd)
        c = http.client.HTTPConnection(f"scanner-{socket.gethostname()}", 80, timeout=PATIENCE)
        c.request("POST", "/", "4000001")
        status = c.getresponse().status
        c.close()
        got = b""
        while status == 200 and select.select([fd], [], [], PATIENCE if not got else 0.2)[0]:
            got += os.read(fd, 64)
        return got.decode().replace("\r", ".")
    finally:
        os.close(fd)


# ---- a service ----

def life(silence, where="127.0.0.1"):
    with socket.create_connection((where, 7001), silence) as s:
        s.settimeout(silence)
        return s.recv(64)


def lives(phase, where="127.0.0.1"):
    """Does the node's service answer? One that is to be there again is waited for."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            life(SILENCE if phase == "on" else PATIENCE, where)
            return "answers"
        except TimeoutError:
            return "silence"
        except OSError as e:
            if phase == "on" or time.monotonic() > end:
                return name(e)
        select.select([], [], [], 0.02)


def kept_by_sync(phase, where="n-power-cut-victim"):
    """Behind the cut: is what was synced there, and nothing else?"""
    got = lives(phase, where)
    if phase == "healed" and got == "answers" and b"['kept']" not in life(PATIENCE, where):
        return "nothing was kept"
    return got


def reborn(phase):
    """Is it another one than in the phase before? Awaited where it is to be."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            now = life(PATIENCE)
            if phase != "on" or now != kept.get("life"):
                break
        except OSError:
            pass
        if time.monotonic() > end:
            return "the same"
        select.select([], [], [], 0.02)
    before = kept.get("life")
    kept["life"] = now
    return "the same" if before in (None, now) else "another"


def held(phase):
    """Does it not answer for a second at a time, in three?"""
    end = time.monotonic() + (3.5 if phase == "on" else 0.2)
    while time.monotonic() < end:
        began = time.monotonic()
        life(PATIENCE)
        if time.monotonic() - began >= 1:
            return "held"
    return "never held"


def threads(phase):
    """It answers in a thread of its own, or says why not."""
    return "EAGAIN" if life(PATIENCE) == b"EAGAIN\n" else "answers"


def eats(phase):
    with socket.create_connection(("127.0.0.1", 7002), PATIENCE) as s:
        s.settimeout(PATIENCE)
        return s.recv(64).decode() or "killed"


def grows(phase):
    """A file, which it keeps open: how much of it could be written?"""
    fd = kept[phase] = os.open(f"/tmp/{phase}", os.O_WRONLY | os.O_CREAT)
    return os.write(fd, bytes(100000))


DO = {
    "lib.alloc-fail": allocates,
    "lib.fail": writes_to_pipe,
    "lib.resolver": lambda p: look("localhost"),
    "clock.drift": runs,
    "clock.freeze": runs,
    "clock.jump": day_clock,
    "clock.set": lambda p: time.strftime("%F", time.gmtime()) == "2028-02-29",
    "clock.strobe": to_and_fro,
    "clock.zone": zone,
    "cpu.starve": held,
    "file-size.limit": grows,
    "files.limit": lives,
    "memory.limit": eats,
    "process.limit": threads,
    "call.fail": appends,
    "call.fail many": failures,
    "call.interrupt": interrupted,
    "call.short": appends,
    "call.slow-return": lambda p: times(p, 0.3, lambda: file(p, os.O_WRONLY, os.fsync)),
    "call.slow": lambda p: times(p, 0.3, lambda: file(p, os.O_WRONLY, os.fsync)),
    "net.accept-stall": lambda p: asks(p, SILENCE if p == "on" else PATIENCE),
    "net.corrupt": turned,
    "net.corrupt wrong": lambda p: order(p, [64] * 3),
    "net.cut": asks,
    "net.delay": lambda p: times(p, 0.3, lambda: datagrams([64], 1)),
    "net.delay many": echoes,
    "net.drop": lambda p: order(p, [64] * 4),
    "net.duplicate": lambda p: order(p, [64] * 3),
    "net.halfopen": keeps,
    "net.mtu": lambda p: order(p, [64, 1000, 548, 549, 64]),
    "net.partition": lambda p: order(p, [64] * 3),
    "net.port-exhaustion": asks,
    "net.rate": lambda p: a_while(p, 0.4, lambda: datagrams([972] * 5, 5)),
    "net.refuse": asks,
    "net.reorder": lambda p: order(p, [64] * 3, 3),
    "net.reply-late": lambda p: a_while(p, 0.6, lambda: asks(p)),
    "net.reply-late gone": leaves,
    "net.reply-lost": asks_and_heard,
    "net.reply-lost silence": lambda p: asks_and_heard(p, SILENCE if p == "on" else PATIENCE),
    "net.reset": asks,
    "dns.fail": lambda p: look(),
    "dns.fail many": questions,
    "dns.slow": lambda p: times(p, 0.3, look),
    "dns.wrong": lambda p: look(),
    "disk.bitrot": reads,
    "disk.error": appends,
    "disk.error lost": syncs_twice,
    "disk.error many": failures,
    "disk.full": appends,
    "disk.inode-full": lambda p: file(p, os.O_WRONLY | os.O_CREAT | os.O_EXCL, path=p),
    "disk.misdirect": writes_one_of_two,
    "disk.permission": lambda p: file(p, os.O_RDONLY),
    "disk.quota": appends,
    "disk.readonly": lambda p: file(p, os.O_WRONLY),
    "disk.short-write": appends,
    "disk.slow": lambda p: times(p, 0.3, lambda: file(p, os.O_WRONLY, os.fsync)),
    "disk.stale-read": reads_again,
    "disk.torn-write": writes_back,
    "disk.vanish": reads,
    "bank.approve-then-drop": pays_and_asks,
    "bank.decline": pays,
    "bank.down": pays_and_asks,
    "bank.duplicate-reply": answers,
    "bank.error": pays_and_asks,
    "bank.slow": lambda p: a_while(p, 0.6, lambda: pays(p)),
    "device.busy": prints,
    "device.garble": prints,
    "device.one-client": two_clients,
    "device.reset": prints,
    "device.silent": lambda p: prints(p, 3, SILENCE if p == "on" else PATIENCE),
    "device.slow": lambda p: a_while(p, 0.6, lambda: prints(p)),
    "device.stall": lambda p: prints(p, 3, SILENCE if p == "on" else PATIENCE),
    "device.unplug": plugged,
    "device.unplug mid": lambda p: prints(p, 3, SILENCE if p == "on" else PATIENCE),
    "drawer.stuck": drawer,
    "printer.backlog": lambda p: prints(p, 2 if p == "on" else 3),
    "scanner.double": scans,
    "scanner.drop-chars": scans,
    "scanner.wrong-check-digit": scans,
    "terminal.decline": taps,
    "terminal.no-ack": lambda p: taps(p, SILENCE if p == "on" else None),
    "terminal.previous-result": taps,
    "terminal.reboot": taps,
    "terminal.result-late": lambda p: a_while(p, 0.6, lambda: taps(p)),
    "terminal.result-lost": lambda p: taps(p, SILENCE if p == "on" else None, True),
    "terminal.result-twice": taps,
    "terminal.slow-shopper": lambda p: a_while(p, 0.6, lambda: taps(p)),
    "printer.cover-open": lambda p: prints(p, 2 if p == "on" else 3),
    "printer.paper-low": prints,
    "printer.paper-out": lambda p: prints(p, 2 if p == "on" else 3),
    "noop": asks,
    "power.cut": kept_by_sync,
    "process.hang": lives,
    "process.kill": lives,
    "process.restart": reborn,
}


def main():
    global PEER
    do = DO[sys.argv[1]]
    PEER = socket.gethostbyname("peer")
    if os.path.isdir(DIR):
        with open(f"{DIR}/f", "wb") as f:
            f.write(bytes(4096))
    server = socket.create_server(("0.0.0.0", 7000))
    print("ready", flush=True)
    while True:
        s, _ = server.accept()
        with s:
            told = json.loads(s.makefile().readline())
            try:
                got = do(told["phase"])
            except Exception as e:  # told as what came of it: the table does not expect it
                got = f"{type(e).__name__}: {e}"
            s.sendall(json.dumps(got).encode() + b"\n")


main()
