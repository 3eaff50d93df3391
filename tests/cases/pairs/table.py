#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table: every fault, what an operation gives without it and with it, and its hits.

table.py write DIR            the target and the experiment
table.py judge DIR FAULT...   what a trial of it gave; FAULT: all that there are
"""
import json
import os
import re
import sys

OK = [200, "ok"]
PAID = ["ack", "own 00", "done"]
UDP = "direction: to, protocol: udp, port: 9001"
TCP = "port: 9000"
# A row: what comes of it when off (and healed), what when on, and a pattern for each hit, in order;
# a dict is {pattern: (fewest, most)} for what TCP or a kernel's own timer repeats; a number is that
# of all hits, where they are too many to be told one by one.
MANY = 3000


def one_bit_each(got):
    """Each of three bytes of status, one bit of it turned over."""
    bytes_ = [int(b, 16) for b in str(got).split()]
    return len(bytes_) == 3 and all(bin(a ^ b).count("1") == 1
                                    for a, b in zip(bytes_, (0x00, 0x12, 0x12)))


def one_less(got):
    return len(got) == 8 and any(got == LABEL[:i] + LABEL[i + 1:] for i in range(8))


def one_other(got):
    return len(got) == 9 and sum(a != b for a, b in zip(got[:-2], LABEL)) == 1 and got[-2:] == "5."


LABEL = "40000015."  # of article 4000001
VICTIMS = ("cpu.starve", "files.limit", "memory.limit", "process.hang", "process.kill",
           "process.limit", "process.restart")
ROWS = {
    "bank.approve-then-drop": ("how: reset", "", ["captured", "captured"], ["gone", "captured"],
                               [r"on authorise #1 of bank.*-on approved, and the answer dropped"]),
    "bank.decline": ("code: 54", "", "captured", "declined 54",
                     [r"on authorise #1 of bank.*-on declined with 54"]),
    "bank.down": ("how: reset, op: authorise", "", ["captured", "captured"], ["gone", "unknown"],
                  [r"on authorise #1 of bank.*-on not answered: nothing was done"]),
    "bank.duplicate-reply": ("", "", 1, 2,
                             [r"on authorise #1 of bank.*-on approved, and answered twice"]),
    "bank.error": ("code: 96, op: authorise", "", ["captured", "captured"], [503, "unknown"],
                   [r"on authorise #1 of bank.*-on answered 96: nothing was done"]),
    "bank.slow": ("delay: 600ms, op: authorise", "", "in time", "late",
                  [r"on authorise #1 of bank.*-on approved, and the answer held back"]),
    "clock.drift": ("gain: 50%", "", "right", "fast", {r"told a time .* ahead|more calls?": (1, 3)}),
    "clock.freeze": ("", "", "right", "still", {r"told a time .* behind|more calls?": (1, 3)}),
    "clock.jump": ("by: -1h", "", 0, -60,
                   [r"clock_gettime told a time that is 60 min behind"]),
    "clock.set": ("to: leap-day", "", False, True, [r"told a time that is .* ahead"]),
    "clock.strobe": ("by: 10min, every: 50ms", "", [0], [0, 10],
                     {r"told a time that is 10 min ahead|more calls?": (1, 3)}),
    "clock.zone": ("to: Asia/Tokyo", "", "UTC", "JST", [r"^/etc/localtime opened, and it is Asia/Tokyo$"]),
    "cpu.starve": ("share: 20%, period: 2s", "", "never held", "held",
                   {r"/victim held while it had something to do": (1, 20)}),
    "file-size.limit": ("most: 64 KiB", "", 100000, 65537, [r"/tmp/on was cut at 65537 bytes"]),
    "files.limit": ("", "", "answers", "silence",
                    [r"/victim a connection to port 7001 waits: accept\(\) has no descriptor"]),
    "memory.limit": ("left: 32 MiB", "", "fed", "killed",
                     [r"/victim the largest of 1 process is killed: \d+ KiB in use"]),
    "process.limit": ("", "", "answers", "EAGAIN", [r"/victim EAGAIN on a new process or thread"]),
    "call.fail": ('call: write, errno: EIO, path: f', "", 8192, "EIO",
                  [r"^/var/lib/pair/f EIO on write of 8192 bytes$"]),
    "call.fail many": ('call: write, errno: ENOSPC, path: f', "", 0, MANY, MANY),
    "call.interrupt": ("call: read(), path: f", "", 0, "EINTR",
                       [r"^/var/lib/pair/f EINTR on read of 4096 bytes$"]),
    "call.short": ("call: write(), bytes: 100 B, path: f", "", 8192, 100,
                   [r"^/var/lib/pair/f write of 8192 bytes: only 100 were moved$"]),
    "call.slow-return": ("call: fsync, by: 300ms, fd: file", "", "in time", "late",
                         [r"^/var/lib/pair/f fsync, held for 300.000 ms after it was done$"] * 3),
    "call.slow": ("call: fsync, by: 300ms, fd: file", "", "in time", "late",
                  [r"^/var/lib/pair/f fsync, held for 300.000 ms$"] * 3),
    "device.busy": ("", "", "00 12 12", "reset",
                    [r"printer-.* a connection was reset: it is busy"]),
    "device.garble": ("direction: from, rate: 100%", "", "00 12 12", one_bit_each,
                      [r"printer-.* a bit of byte #\d was turned over"] * 3),
    "device.one-client": ("", "", "00 12 12", "reset",
                          [r"printer-.* a connection was reset: it has a client"]),
    "device.reset": ("line: 1", "", "00 12 12", "reset",
                     [r"printer-.* receipt #2 behind line 1: it starts anew"]),
    "device.silent": ("", "", "00 12 12", "",
                      [r"printer-.* takes what it is sent and does nothing"]),
    "device.slow": ("delay: 600ms", "", "in time", "late",
                    [r"printer-.* receipt #\d+ behind line 0: held back"]),
    "device.stall": ("", "", "00 12 12", "", [r"printer-.* leaves unread what it is sent"]),
    "device.unplug": ("", "", "00 12 12", "no way", [r"printer-.* the device has no power"]),
    "device.unplug mid": ("mid-receipt: true, line: 1", "", "00 12 12", "",
                          [r"printer-.* receipt #2 behind line 1: it loses its power"]),
    "disk.bitrot": ("bits: 3", "", 0, 3, [r"f read of .*: 3 bits turned over"]),
    "disk.error": ("op: [write]", "", 8192, "EIO", [r"f EIO on write of 8192 bytes"]),
    "disk.error lost": ("op: [fsync], then: succeeds, shows: old", "", ["ok", "ok", 4096],
                        ["EIO", "ok", 0], [r"on EIO on fsync: 4096 bytes in memory will not"]),
    "disk.error many": ("op: [write]", "", 0, MANY, MANY),
    "disk.full": ("", "", 8192, "ENOSPC", [r"f ENOSPC on write"]),
    "disk.inode-full": ("", "", "ok", "ENOSPC", [r"on ENOSPC on create"]),
    "disk.misdirect": ("", "", [4096, 0], [0, 4096],
                       [r"on write of 4096 bytes at 0: written at 4096 instead, and nobody"]),
    "disk.permission": ("op: [open]", "", "ok", "EACCES", [r"f EACCES on open"]),
    "disk.quota": ("", "", 8192, "EDQUOT", [r"f EDQUOT on write"]),
    "disk.readonly": ("", "", "ok", "EROFS", [r"f EROFS on open"]),
    "disk.short-write": ("", "", 8192, lambda n: isinstance(n, int) and 0 < n < 8192,
                         [r"f write of 8192 bytes at 12288: only ON bytes were written$"]),
    "disk.slow": ("op: [fsync], delay: 300ms", "", "in time", "late", [r"f fsync.*held for"] * 3),
    "disk.stale-read": ("", "", 2, 1,
                        [r"on read of 4096 bytes at 0: 4096 bytes are from before the last"]),
    "disk.torn-write": ("", "", [4096, 4096],
                        lambda n: n in [[4096, sectors * 512] for sectors in range(8)],
                        [r"on write of 4096 bytes at 0: only \d+ bytes were written, and nobody"]),
    "disk.vanish": ("", "", 0, "EIO", [r"EIO on"]),
    "dns.fail": ("name: peer.example.com, fail: nxdomain", "", "peer", "EAI_NONAME",
                 [r"peer.example.com A#\d+ answered NXDOMAIN"]),
    "dns.fail many": ("name: peer.example.com, fail: refused", "", 0, MANY, MANY),
    "dns.slow": ("name: peer.example.com, delay: 300ms", "", "in time", "late",
                 [r"peer.example.com A#\d+ answered late by 300.000 ms"] * 3),
    "dns.wrong": ("name: peer.example.com", "", "peer", "nobody",
                  [r"peer.example.com A#\d+ answered 10.77.0.254"]),
    "lib.alloc-fail": ("least: 900 kB, most: 1100 kB", "nth: 1", [1000000, 100],
                       ["MemoryError", 100], [r"alloc ENOMEM instead of 1000\d\d\d bytes, call 1$"]),
    "lib.fail": ("point: posix/io/rw/write, error: ENOSPC", "nth: 1", 5, "ENOSPC",
                 [r"^posix/io/rw/write failed with ENOSPC, call 1$"]),
    "lib.resolver": ("name: \"local*\", fail: noname", "", "127.0.0.1", "EAI_NONAME",
                     [r"getaddrinfo localhost EAI_N\w+AME$"]),
    "net.accept-stall": (TCP, "", OK, [0, "silence"],
                         {r"tcp/9000#2 dropped: n-net-accept-stall to peer": (1, 30)}),
    "net.corrupt": (UDP + ", bits: 3, checksum: fixed", "nth: 2", [0, 0, 0], [0, 3, 0],
                    [r"udp/9001#\d+ corrupted: .*, packet 2,"]),
    "net.corrupt wrong": (UDP, "nth: 2", [0, 1, 2], [0, 2],
                          [r"udp/9001#\d+ corrupted: .*, packet 2,"]),
    "net.cut": (TCP + ", of: reply, after: 100 B", "", OK, [100, "ECONNRESET"],
                [r"tcp/9000#2 cut: "]),
    "net.delay": (UDP + ", delay: 300ms", "", "in time", "late", [r"delayed by 300"] * 3),
    "net.delay many": (UDP + ", delay: 1us", "", MANY, MANY, MANY),
    "net.drop": (UDP, "nth: 2..3", [0, 1, 2, 3], [0, 3],
                 [r"dropped: .*, packet 2,", r"dropped: .*, packet 3,"]),
    "net.duplicate": (UDP, "nth: 2", [0, 1, 2], [0, 1, 1, 2],
                      [r"duplicated: .*, packet 2,"]),
    "net.halfopen": (TCP, "", [OK, OK], [[0, "silence"], OK], {r"tcp/9000#1 dropped": (1, 30)}),
    "net.mtu": (UDP + ", size: 576 B", "", [0, 1, 2, 3, 4], [0, 2, 4],
                [r"dropped: .*, packet 2,", r"dropped: .*, packet 4,"]),
    "net.partition": (UDP, "", [0, 1, 2], [],
                      [rf"dropped: .*, packet {n}," for n in (1, 2, 3)]),
    "net.port-exhaustion": ("", "", OK, "EADDRNOTAVAIL",
                            [r"no port for a connection to .*: EADDRNOTAVAIL"]),
    "net.rate": (UDP + ", speed: 10 kB, burst: 1000 B", "", "in time", "late",
                 [rf"udp/9001#1 delayed by .*, packet {n}," for n in (2, 3, 4, 5)]),
    "net.refuse": (TCP, "", OK, "ECONNREFUSED", [r"tcp/9000#2 refused"]),
    "net.reorder": (UDP + ", rate: 100%, hold: 300ms", "nth: 2", [0, 1, 2], [0, 2, 1],
                    [r"delayed by 300.000 ms: .*, packet 2,"]),
    "net.reply-late": (TCP + ", hold: 600ms", "", "in time", "late",
                       [r"tcp/9000#\d+ answer held by 600"]),
    "net.reply-late gone": ("port: 9005, hold: 900ms", "", [OK, "open"],
                            [[0, "silence"], "EPIPE"],
                            [r"tcp/9005#2 answer held by 900"]),
    "net.reply-lost": (TCP + ", by: reset", "", [OK, 1], [[0, "ECONNRESET"], 1],
                       [r"tcp/9000#2 answer lost"]),
    "net.reply-lost silence": (TCP + ", after: 10 B", "", [OK, 1], [[10, "silence"], 1],
                               [r"tcp/9000#2 answer lost"]),
    "net.reset": (TCP, "", OK, [0, "ECONNRESET"], [r"tcp/9000#2 reset"]),
    "noop": (None, "", OK, OK, [r"nothing was changed"]),
    "power.cut": ("model: strict, lose: everything", "", "answers", "silence",
                  [r"the power is cut: 1 process died, \d+ of \d+ operations on its disk"]),
    "drawer.stuck": ("", "", "16", "12", [r"printer-.* a pulse, and the drawer sticks"]),
    "printer.backlog": ("line: 1", "", "00 12 12", "12 12",
                        [r"printer-.* receipt #2 behind line 1: taken, and not printed"]),
    "scanner.double": ("", "", LABEL, LABEL * 2, [r"scanner-.* tells a code twice"]),
    "scanner.drop-chars": ("", "", LABEL, one_less, [r"scanner-.* loses characters of a code"]),
    "scanner.wrong-check-digit": ("", "", LABEL, one_other,
                                  [r"scanner-.* misreads a digit of a code"]),
    "printer.cover-open": ("line: 1", "", "00 12 12", "16 12",
                           [r"printer-.* receipt #2 behind line 1: the cover is open"]),
    "printer.paper-low": ("", "", "00 12 12", "03 12 1e",
                          [r"printer-.* says that its paper is low"] * 2),
    "printer.paper-out": ("line: 1", "", "00 12 12", "32 7e",
                          [r"printer-.* receipt #2 behind line 1: the paper ends"]),
    "process.hang": (None, "", "answers", "silence", [r"/victim stopped where it was"]),
    "process.kill": (None, "", "answers", "ECONNREFUSED", [r"/victim killed by SIGKILL"]),
    "terminal.decline": ("code: 54", "", PAID, ["ack", "own 54", "failed"],
                         [r"terminal-.*: payment #2 declined by the card"]),
    "terminal.no-ack": ("", "", PAID, ["silence"],
                        [r"terminal-.*: payment #2 not acknowledged: nothing was done"]),
    "terminal.previous-result": ("", "", PAID, ["ack", "other 00", "done"],
                                 [r"payment #2 was approved, and the result told is that of the"]),
    "terminal.reboot": ("off: 50ms", "", PAID, ["ack", "reset"],
                        [r"terminal-.*: payment #2 was approved, and the terminal boots"]),
    "terminal.result-late": ("delay: 600ms", "", "in time", "late",
                             [r"payment #2 was approved, and its result is held back"]),
    "terminal.result-lost": ("", "", PAID + PAID, ["ack", "silence"] + PAID,
                             [r"payment #2 was approved, and its result does not leave"]),
    "terminal.result-twice": ("", "", PAID, ["ack", "own 00", "own 00", "done"],
                              [r"payment #2 was approved, and its result was told twice"]),
    "terminal.slow-shopper": ("by: 60s", "", "in time", "late",
                              [r"terminal-.*: payment #2 the shopper looks for the card"]),
    "process.restart": (None, "", "the same", "another", [r"/victim restarted by its stop signal"]),
}


def node(row):
    return "n-" + re.sub(r"[^a-z]", "-", row)


def fault(row):
    """Its two lines of the experiment."""
    name, options, when = row.split()[0], *ROWS[row][:2]
    where = {"net": f"between: [{node(row)}, peer]", "bank": f"from: {node(row)}",
             "terminal": f"device: terminal-{node(row)}",
             "device": f"device: printer-{node(row)}", "printer": f"device: printer-{node(row)}",
             "drawer": f"device: printer-{node(row)}",
             "scanner": f"device: scanner-{node(row)}",
             "noop": ""}.get(name.split(".")[0], f"node: {node(row)}")
    if name == "net.port-exhaustion":
        where = f"node: {node(row)}"
    if name == "power.cut":
        where += "-victim"
    if name in VICTIMS:
        where = f"service: {node(row)}/victim"
    if name == "file-size.limit":
        where = f"service: {node(row)}/agent"
    inside = ", ".join(x for x in (where, options) if x)
    more = f", {when}" if when else ""
    last = "" if name == "process.restart" else ", for: 1 sales"
    return f"  - {name}: {{{inside}}}\n    when: {{after: 1 sales{last}{more}}}\n"


def services(row):
    text = (f"  {node(row)}:\n" +
            ("    data: {/var/lib/pair: null}\n" if row.startswith(("disk.", "call.")) else "") +
            ("    devices: {printer: {escpos: tcp 9100}}\n"
             if row.startswith(("device.", "drawer.", "printer.")) else "") +
            ("    devices: {terminal: {zvt: tcp 20007}}\n" if row.startswith("terminal.") else "") +
            ("    devices: {scanner: {barcode: serial ttyUSB0}}\n"
             if row.startswith("scanner.") else "") +
            "    services:\n")
    run = {"agent": f'[/usr/bin/python3, /target/agent.py, "{row}"]'}
    if row in VICTIMS:
        run["victim"] = "[/usr/bin/python3, /target/victim.py]"
    for name, argv in run.items():
        text += (f"      - {{name: {name}, run: {argv}, end: any, restart: always, "
                 "stop_within: 200ms,\n         "
                 "after: [peer/peer], ready: {log: /^ready/, within: 60s}}\n")
    if row.startswith("power."):  # who is without power cannot say so
        text += (f"  {node(row)}-victim:\n    data: {{/var/lib/pair: null}}\n    services:\n"
                 "      - {name: victim, run: [/usr/bin/python3, /target/victim.py], end: any,\n"
                 "         stop_within: 200ms, ready: {log: /^ready/, within: 60s}}\n")
    return text


def write(out):
    here = os.path.dirname(__file__)
    with open(f"{here}/target.yml") as f, open(f"{out}/target.yml", "w") as to:
        to.write(f.read().replace("  # the table's nodes\n", "".join(map(services, ROWS))))
    with open(f"{out}/nodes.json", "w") as to:
        json.dump({node(r): r for r in ROWS}, to)
    with open(f"{out}/pairs.yml", "w") as to:
        to.write("title: Every fault off, on and healed\ntarget: target.yml\nseed: 1\n"
                 "baseline: never\nshoppers: {count: 3, arrivals: constant 600/min, basket: 1..1, "
                 "pace: 100x, step_timeout: 100s, retries: 0}\nfaults:\n" +
                 "".join(map(fault, ROWS)) +
                 "settle: 5s\nchecks: [no-lost-sale, no-duplicate-sale, right-amount]\n")


def hits_wrong(want, hits, last):
    if isinstance(want, int):
        return None if last == want else f"{last} hits in {len(hits)} events, expected {want}"
    if isinstance(want, dict):
        (pattern, (least, most)), = want.items()
        good = least <= len(hits) <= most and all(re.search(pattern, h) for h in hits)
    else:
        good = len(hits) == len(want) and all(map(re.search, want, hits))
    return None if good else f"the events are {json.dumps(hits, indent=1)}, expected {want}"


def judge_row(row, got, hits, last):
    _, _, off, on, want = ROWS[row]
    for phase, expected in ("off", off), ("on", on), ("healed", off):
        good = expected(got.get(phase)) if callable(expected) else got.get(phase) == expected
        if not good:
            yield f"{phase}: {got.get(phase)}, expected {expected}"
    if isinstance(want, list):  # ON: what came of it is what the event says
        want = [p.replace("ON", str(got.get("on"))) for p in want]
    wrong = hits_wrong(want, hits, last)
    if wrong:
        yield wrong


def judge(out, faults):
    events, got = [], {r: {} for r in ROWS}
    for at, _, files in os.walk(out):
        for f in files:
            for line in open(f"{at}/{f}", errors="replace"):
                if f == "events.ndjson":
                    events.append(json.loads(line)["event"])
                elif f.endswith(".log") and "PAIRS {" in line:
                    said = json.loads(line[line.index("PAIRS ") + 6:])
                    for row in ROWS:
                        got[row][said["phase"]] = said["got"].get(node(row))
    bad = [f"{f}: no row in tests/cases/pairs/table.py" for f in faults
           if f not in {r.split()[0] for r in ROWS}]
    for i, row in enumerate(ROWS):
        own = [e for e in events if e.get("fault") == i]
        hits = [f"{e.get('object') or ''} {e['did']}" for e in own if e["kind"] == "fired"]
        kinds = [e["kind"] for e in own]
        last = max([e["hit"] for e in own if e["kind"] == "fired"], default=0)
        wrong = list(judge_row(row, got[row], hits, last))
        if "healed" in kinds and "fired" in kinds[kinds.index("healed"):]:
            wrong.append("fired when it had been healed")
        if "skipped" in kinds:
            wrong.append(f"skipped: {own[kinds.index('skipped')]}")
        bad += [f"{row}: {w}" for w in wrong]
        if not wrong:
            print(f"ok {row}: {last} hits")
    print("\n".join(bad))
    return 1 if bad else 0


if sys.argv[1] == "write":
    write(sys.argv[2])
else:
    sys.exit(judge(sys.argv[2], sys.argv[3:]))
