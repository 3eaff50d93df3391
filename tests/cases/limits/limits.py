#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says what it may have whenever that changes, and what its child may; does what MODE= asks.

MODE=watch   only looks        MODE=raise   raises its own limit of files once it has been lowered
MODE=eat     maps 256 MiB: says whether it was refused, and goes on      MODE=die   ends when it was
MODE=ask     asks malloc() for 256 MiB three times, and goes on
MODE=take    opens files until it can open no more, and goes on
"""
import errno
import mmap
import os
import resource
import select

MODE = os.environ.get("MODE", "watch")
LIMITS = {"files": resource.RLIMIT_NOFILE, "data": resource.RLIMIT_DATA}


def now():
    return {k: resource.getrlimit(v) for k, v in LIMITS.items()}


def watch(name, do=lambda before, soft: None):
    before = None
    while True:
        soft = {k: v[0] for k, v in now().items()}
        if soft != before:
            print(name, *(f"{k}={v}" for k, v in soft.items()), flush=True)
            before = do(before, soft) or soft
        select.select([], [], [], 0.01)


def react(before, soft):
    if not before:
        return
    if MODE == "raise" and soft["files"] < before["files"]:
        resource.setrlimit(LIMITS["files"], (now()["files"][1],) * 2)
        print("raised", flush=True)
        return {**soft, "files": now()["files"][1]}  # it may be lower before anybody looks
    if MODE == "ask" and before["data"] == -1:
        for _ in range(3):
            try:
                print("got", len(bytearray(256 << 20)), flush=True)
            except MemoryError:
                print("MemoryError", flush=True)
    if MODE in ("eat", "die") and before["data"] == -1:
        try:
            mmap.mmap(-1, 256 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
            print("mapped", flush=True)
        except OSError as e:
            print(errno.errorcode[e.errno], flush=True)
            if MODE == "die":
                fill()
    if MODE == "take" and soft["files"] < before["files"]:
        taken = []
        try:
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as e:
            print(errno.errorcode[e.errno], flush=True)


def fill():
    """Next to nothing is left; then it ends as such programs do."""
    kept = []
    for size in (1 << 20, 1 << 16, 1 << 12):
        try:
            while True:
                kept.append(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        except (OSError, MemoryError):
            pass
    select.select([], [], [], 0.1)
    os.abort()


if MODE == "watch" and os.fork() == 0:
    watch("child")
watch("self", react)
