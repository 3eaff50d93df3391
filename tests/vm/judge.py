#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges what netem.sh printed in the guest: did each back end do what it was asked for?

    tests/vm/run sh tests/vm/netem.sh | tests/vm/judge.py

Counts are compared with the binomial they should come from, delays with the distribution they
should have (Kolmogorov-Smirnov). A figure fails when it would be this far off by chance in less
than one of P_MIN runs. Emulated, the guest is late by itself: delays are compared after taking off
the median lateness of the same link without delay, and the test statistic gets LATE of slack.
"""
import bisect
import math
import re
import sys

P_MIN = 1e-5
LATE = 0.01  # of the distribution function: what the guest itself adds to KS's distance
SENT = 3000
PAIR, PAUSE_MS = 200, 250  # datagrams of a sale; what lies between two sales


def binomial(hits, n, p):
    """Two-sided, by the normal approximation: n p is in the hundreds here."""
    if n == 0:
        return 0.0
    z = abs(hits - n * p) / math.sqrt(n * p * (1 - p))
    return math.erfc(z / math.sqrt(2))


def ks(sample, cdf):
    """Distance to a distribution, and the p-value of what it is more than LATE."""
    sample, n = sorted(sample), len(sample)
    d = max(max((i + 1) / n - cdf(x), cdf(x) - i / n) for i, x in enumerate(sample))
    return d, kolmogorov(d, n)


def ks_two(one, other):
    """The same between two samples."""
    one, other = sorted(one), sorted(other)
    d = max(abs(bisect.bisect_right(one, x) / len(one) -
                bisect.bisect_right(other, x) / len(other)) for x in one + other)
    return d, kolmogorov(d, len(one) * len(other) / (len(one) + len(other)))


def kolmogorov(d, n):
    t = max(0.0, d - LATE) * math.sqrt(n)
    p = 1.0 if t < 0.3 else 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * t * t)
                                    for k in range(1, 50))
    return min(1.0, max(0.0, p))


class Case:
    def __init__(self, name, backend):
        self.name, self.backend = name, backend
        self.exit, self.got, self.stream, self.lines = None, [], None, []
        self.arrived, self.also = [], []

    def read(self, line):
        m = re.match(r"got (\d+) (-?\d+) (\d) (\d+)$", line)
        if m:
            self.got.append((int(m[1]), int(m[2]) / 1e6, m[3] == "1"))
            self.arrived.append(int(m[4]) / 1e6)
            return
        self.lines.append(line)
        m = re.match(r"also got (\d+) ", line)
        if m:
            self.also.append(int(m[1]))
        m = re.match(r"stream (\d+) bytes in (\d+) ns", line)
        if m:
            self.stream = int(m[1])
        m = re.match(r"exit (\d+)$", line)
        if m:
            self.exit = int(m[1])

    def numbers(self):
        return [n for n, _, _ in self.got]

    def lost(self):
        return sorted(set(range(SENT)) - set(self.numbers()))

    def delays(self):
        return [ms for _, ms, _ in self.got]

    def fired(self, word):
        """What netem's events add up to, in the direction of the probe; None without any."""
        sums = [int(m[1]) for line in self.lines
                for m in [re.match(r"fired lane: (\d+) packets to store " + word, line)] if m]
        return sum(sums) if sums else None


    def sales(self):
        """What arrived, by sale: between two there is a pause."""
        parts, last = [], None
        for got, at in zip(self.got, self.arrived):
            if last is None or at - last > PAUSE_MS:
                parts.append([])
            parts[-1].append(got)
            last = at
        return parts


# One sale of a pair, when the fault is on: (number, age in ms, whole) of what arrived of PAIR.
ALTERED = {
    "drop": lambda got, late: 60 < len(got) < 140,
    "delay": lambda got, late: len(got) == PAIR and min(ms for _, ms, _ in got) >= 50,
    "duplicate": lambda got, late: 260 < len(got) < 340,
    "corrupt": lambda got, late: 60 < len(got) < 140 and all(ok for _, _, ok in got),
    "reorder": lambda got, late: len(got) == PAIR and [n for n, _, _ in got] != list(range(PAIR)),
    # 128 bytes each: 200 of them, less the burst, take 0.7 s at 32 kB/s.
    "rate": lambda got, late: len(got) == PAIR and 500 < got[-1][1] < 700,
}


class Judge:
    def __init__(self, cases):
        self.cases, self.passed, self.failed = cases, 0, 0
        base = self.cases.get(("drop", "netem")) or self.cases.get(("drop", "wire"))
        late = sorted(base.delays()) if base and base.got else [0]
        self.late = late[len(late) // 2]
        print(f"lateness of the bare link: {self.late:.3f} ms median")

    def say(self, case, ok, words):
        self.passed, self.failed = self.passed + ok, self.failed + (not ok)
        print(f"{'ok  ' if ok else 'FAIL'} {case.name:18} {case.backend:5} {words}")

    def rate(self, case, hits, n, p, words):
        q = binomial(hits, n, p)
        self.say(case, q > P_MIN, f"{words} {hits} of {n}, {100 * hits / max(n, 1):.1f} % "
                                  f"for {100 * p:.1f} %, p {q:.3g}")

    def counted(self, case, word, want, slack, words):
        """netem's own account against what the probe saw."""
        if case.backend == "netem":
            n = case.fired(word)
            self.say(case, n is not None and abs(n - want) <= slack,
                     f"events say {n} {words}, the probe {want}")

    def shape(self, case, cdf, words):
        d, p = ks([ms - self.late for ms in case.delays()], cdf)
        self.say(case, p > P_MIN and len(case.got) == SENT,
                 f"{words}: {len(case.got)} delays, KS distance {d:.4f}, p {p:.3g}")

    # ---- one for each case of netem.sh ----

    def drop(self, case):
        lost = case.lost()
        self.rate(case, len(lost), SENT, 0.2, "lost")
        self.counted(case, "dropped", len(lost), 0, "lost")

    drop_ipv6 = drop_away = drop

    def drop_bursts(self, case):
        lost = case.lost()
        bursts = sum(1 for i, n in enumerate(lost) if i == 0 or lost[i - 1] != n - 1)
        mean = len(lost) / max(bursts, 1)
        # Bursts of mean 5 at 20 %: 120 of them, geometric, so the mean is known to 4 %.
        self.say(case, abs(mean - 5) < 4.5 * 5 / math.sqrt(max(bursts, 1)),
                 f"{bursts} bursts of {mean:.2f} for 5")
        # Correlated losses: the variance is (1 + 2 c / (1 - c)) times the binomial's, c = 0.75.
        z = abs(len(lost) - 600) / math.sqrt(SENT * 0.16 * 7)
        self.say(case, z < 4.5, f"lost {len(lost)} for 600, {z:.1f} deviations")
        self.counted(case, "dropped", len(lost), 0, "lost")

    def delay_uniform(self, case):
        self.shape(case, lambda x: min(1, max(0, (x - 10) / 20)), "uniform 20 ± 10 ms")
        self.counted(case, "delayed", SENT, 0, "delayed")

    def delay_normal(self, case):
        self.shape(case, lambda x: 0.5 * math.erfc(-(x - 40) / 5 / math.sqrt(2)),
                   "normal 40 ms, 5 ms")

    def delay_exponential(self, case):
        self.shape(case, lambda x: 1 - math.exp(-max(0, x - 10) / 5), "10 ms + exponential 5 ms")

    def delay_in_order(self, case):
        numbers = case.numbers()
        swaps = sum(1 for a, b in zip(numbers, numbers[1:]) if b < a)
        low, high = min(case.delays()), max(case.delays())
        self.say(case, swaps == 0 and len(numbers) == SENT,
                 f"{len(numbers)} arrived, {swaps} overtaken, {low:.1f} to {high:.1f} ms")

    def duplicate(self, case):
        twice = len(case.got) - len(set(case.numbers()))
        self.rate(case, twice, SENT, 0.1, "twice")
        self.counted(case, "duplicated", twice, 60, "twice")

    def reorder(self, case):
        held = sum(1 for ms in case.delays() if ms - self.late > 5)
        numbers, top, passed = case.numbers(), -1, 0
        for n in numbers:
            passed, top = passed + (n < top), max(n, top)
        self.rate(case, held, SENT, 0.25, "held back")
        self.say(case, passed > SENT * 0.2, f"{passed} passed by others")
        self.counted(case, "delayed", held, 100, "held back")

    def corrupt(self, case):
        whole = sum(1 for _, _, ok in case.got if ok)
        # netem may hit the six bytes of the link header that nobody looks at: 142 in all.
        share = 0.3 * (1 - 6 / 142) if case.backend == "netem" else 0.3
        self.rate(case, SENT - whole, SENT, share, "thrown away by the receiver")
        self.say(case, whole == len(case.got), "no wrong byte reached the application")

    def rate_case(self, case):
        ms = case.arrived
        first, last = ms[1], ms[-1]
        # 1,000 bytes of IP at 64 kB/s is 15.625 ms a packet; the first two are the burst.
        per = (last - first) / (len(ms) - 2)
        self.say(case, len(ms) == 200 and abs(per / 15.625 - 1) < 0.02,
                 f"{len(ms)} of 200 arrived, {per:.3f} ms a packet for 15.625")

    def rate_full(self, case):
        # Two go at once, 32 wait; the first leaves the queue while the others come.
        self.say(case, 33 <= len(case.got) <= 38, f"{len(case.got)} of 200 arrived for 34 to 37")
        if case.backend == "netem":
            n = case.fired("kept waiting or dropped")
            self.say(case, n is not None and n >= 200 - len(case.got),
                     f"events say {n} waits and drops, {200 - len(case.got)} were dropped")

    def together(self, case):
        lost = case.lost()
        self.rate(case, len(lost), SENT, 0.1, "lost")
        low = min(case.delays())
        self.say(case, 15 <= low < 15 + 2 * self.late + 3, f"fastest {low:.2f} ms for 15")
        slow = case.delays()[-1]
        # 2,700 packets of 128 bytes in 3 s want 115 kB/s: at the end the queue is 0.45 s long.
        self.say(case, 300 < slow < 700, f"slowest {slow:.0f} ms: the rate holds as well")

    def segments(self, case):
        self.say(case, case.stream == 3000000, f"{case.stream} bytes of TCP arrived")
        if case.backend == "netem":
            n = case.fired("delayed") or 0
            self.say(case, n >= 3000000 // 1448, f"{n} packets delayed: one for each segment")

    def pair(self, case):
        """Off, on, healed."""
        sales = case.sales()
        words = ", ".join(str(len(s)) for s in sales)
        self.say(case, len(sales) == 3, f"three sales: {words} datagrams")
        for when, got in zip(("off", "on", "healed"), sales):
            plain = ([n for n, _, _ in got] == list(range(PAIR)) and all(ok for _, _, ok in got) and
                     sorted(ms for _, ms, _ in got)[PAIR // 2] < self.late + 5)
            good = ALTERED[case.name[5:]](got, self.late) if when == "on" else plain
            self.say(case, good, f"{when}: as it should be" if good else
                     f"{when}: {got[:20]} ...")

    def beside(self, case):
        lost, there = case.lost(), len(set(case.also))
        self.rate(case, len(lost), SENT, 0.2, "lost by netem")
        self.counted(case, "dropped", len(lost), 0, "lost")
        self.rate(case, SENT - there, SENT, 0.2, "lost by the wire")
        told = [int(m[1]) for x in case.lines for m in [re.search(r"of the wire (\d+)", x)] if m]
        self.say(case, told == [SENT - there], f"the wire tells of {told}, {SENT - there} are missing")

    def killed(self, case):
        left = [x for x in case.lines if x.startswith(("left behind", "blind"))]
        clean = case.lines.count("clean")
        running = case.lines.count("running when killed")
        self.say(case, clean == running == 5 and not left,
                 f"{running} killed in the middle, {clean} left nothing {left[:5]}")

    def till(self, case):
        self.say(case, case.exit == 0 and any("violated 0 of 2" in x for x in case.lines),
                 f"exit {case.exit}: the right till holds, twice")

    def against(self, name):
        """The two back ends against each other. (Delays in order are not independent.)"""
        netem, wire = self.cases[name, "netem"], self.cases.get((name, "wire"))
        if not wire or not netem.got or not wire.got:
            return
        if name.startswith("delay") and name != "delay-in-order":
            d, p = ks_two(netem.delays(), wire.delays())
            self.say(netem, p > P_MIN, f"against the wire: KS distance {d:.4f}, p {p:.3g}")
        elif name in ("drop", "drop-ipv6", "drop-away"):
            a, b = len(netem.lost()), len(wire.lost())
            q = (a + b) / 2 / SENT
            p = math.erfc(abs(a - b) / SENT / math.sqrt(2 * q * (1 - q) / SENT) / math.sqrt(2))
            self.say(netem, p > P_MIN, f"against the wire: lost {a} and {b}, p {p:.3g}")

    def run(self):
        for (name, backend), case in self.cases.items():
            if not name.startswith("till"):
                self.say(case, case.exit == 0, f"exit {case.exit}")
                if case.exit != 0:
                    print("\n".join("     | " + x for x in case.lines[:12]))
                    continue
            try:
                how = name.split("-")[0] if name.startswith(("till", "pair")) else \
                    name.replace("-", "_")
                getattr(self, "rate_case" if how == "rate" else how)(case)
            except (IndexError, ValueError, ZeroDivisionError) as e:
                self.say(case, False, f"nothing to judge: {e!r}")
        for name in [n for n, backend in self.cases if backend == "netem"]:
            self.against(name)
        return self.failed


def read(lines):
    cases, case, doctor, end = {}, None, None, None
    for line in lines:
        line = line.rstrip("\n")
        m = re.match(r"=== (\S+) (netem|wire)(?: exit (\d+))?$", line)
        if m:
            case = cases[m[1], m[2]] = Case(m[1], m[2])
            case.exit = int(m[3]) if m[3] else None
        elif line == "=== end":
            case = None
        elif case:
            case.read(line)
        elif line.startswith("doctor: "):
            doctor = line
        elif line.startswith(("vm: exit", "SKIP")):
            end = line
    return cases, doctor, end


def main():
    cases, doctor, end = read(sys.stdin)
    if end and end.startswith("SKIP"):
        print(end)
        print("tests: 0 passed, 0 failed, 1 skipped")
        return 77
    judge = Judge(cases)
    if not doctor or "not there" in doctor:
        print(f"FAIL doctor: {doctor}")
        judge.failed += 1
    else:
        judge.passed += 1
    if end != "vm: exit 0" or not cases:
        print(f"FAIL the guest: {end}")
        judge.failed += 1
    judge.run()
    print(f"tests: {judge.passed} passed, {judge.failed} failed, 0 skipped")
    return 1 if judge.failed else 0


sys.exit(main())
