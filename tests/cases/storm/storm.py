#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Interrupt everything: SIGSTOP and at once SIGCONT to every process of one program, over and over.

    storm.py PROGRAM ARGUMENT...     runs it, its output where ours goes; exits as it does

Those that run PROGRAM are found again and again (/proc/PID/exe), so that processes of the harness in
nodes are among them, and the target's services are not. What waits in the kernel is thereby woken with
EINTR, or started again, thousands of times. The last line on stderr says how often.
"""
import os
import pathlib
import signal
import subprocess
import sys
import time


def descendants(root):
    """All processes below root, itself first."""
    parents = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = pathlib.Path(entry.path, "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append(pid)
        left += parents.get(pid, [])
    return found


def is_ours(pid, program):
    try:
        return os.path.samefile(f"/proc/{pid}/exe", program)
    except OSError:
        return False


def blow(pid):
    try:
        os.kill(pid, signal.SIGSTOP)
    except OSError:
        return 0
    try:
        os.kill(pid, signal.SIGCONT)
    except OSError:
        pass
    return 1


def main(program, *arguments):
    proc = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL)
    blows, ours, deadline = 0, set(), time.monotonic() + 100
    while proc.poll() is None and time.monotonic() < deadline:
        pids = [p for p in descendants(proc.pid) if is_ours(p, program)]
        ours.update(pids)
        for _ in range(5):
            blows += sum(map(blow, pids))
            select_wait(proc)
    if proc.poll() is None:
        proc.kill()
        print("storm: it did not end", file=sys.stderr)
    print(f"storm: {blows} blows to {len(ours)} processes", file=sys.stderr)
    return proc.wait()


def select_wait(proc):
    """Three milliseconds, or less when it has ended."""
    try:
        proc.wait(0.003)
    except subprocess.TimeoutExpired:
        pass


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) % 256)
