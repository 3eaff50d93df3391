#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bundles that nobody should unpack, made from a good one: hostile.py GOOD.tar FOLDER

Writes FOLDER/NAME.tar for each way to do harm; prints the names.
"""
import hashlib
import io
import pathlib
import sys
import tarfile


def entries(path):
    with tarfile.open(path) as t:
        return [(m, t.extractfile(m).read()) for m in t.getmembers()]


def write(path, files, resum=True):
    if resum:
        files = [(m, d) for m, d in files if m.name != "SHA256SUMS"]
        sums = "".join(f"{hashlib.sha256(d).hexdigest()}  {m.name}\n" for m, d in files)
        m = tarfile.TarInfo("SHA256SUMS")
        m.size = len(sums)
        files.append((m, sums.encode()))
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as t:
        for m, d in files:
            t.addfile(m, io.BytesIO(d))


def named(name, data=b"harm\n"):
    m = tarfile.TarInfo(name)
    m.size = len(data)
    return m, data


def link(kind):
    m = tarfile.TarInfo("result/verdict.json")
    m.type = kind
    m.linkname = "/etc/passwd"
    return m, b""


def main(good, folder):
    files, folder = entries(good), pathlib.Path(folder)
    changed = [(m, d[:-1] + b"X" if m.name == "result/resolved.yml" else d) for m, d in files]
    text = pathlib.Path(good).read_bytes()
    made = {
        "changed-content": lambda p: write(p, changed, resum=False),
        "unlisted-file": lambda p: write(p, files + [named("result/more")], resum=False),
        "missing-file": lambda p: write(p, files[1:], resum=False),
        "no-sums": lambda p: write(p, files[:-1], resum=False),
        "dot-dot": lambda p: write(p, files + [named("result/../../../harm")]),
        "absolute": lambda p: write(p, files + [named("/harm")]),
        "escape-codes": lambda p: write(p, files + [named("result/\x1b[2Jharm")]),
        "symlink": lambda p: write(p, [link(tarfile.SYMTYPE)] + files),
        "hard-link": lambda p: write(p, [link(tarfile.LNKTYPE)] + files),
        "device": lambda p: write(p, [link(tarfile.CHRTYPE)] + files),
        "cut": lambda p: p.write_bytes(text[: len(text) // 2]),
        "no-tar": lambda p: p.write_bytes(b"hello\n" * 1000),
        "empty": lambda p: p.write_bytes(b""),
    }
    for name, make in made.items():
        make(folder / f"{name}.tar")
        print(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
