#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Completion as it is typed: a shell on a terminal, TAB, Enter, and what the program was called with.

    complete.py bash|zsh PROGRAM DOC-FOLDER WORK-FOLDER

`worstday` is a script that writes its words down when they end in END, and else becomes PROGRAM, which
the completion itself asks. Wrong result: words that are completed to something else, or not at all.
"""
import os
import pathlib
import pty
import select
import subprocess
import sys
import time

DEADLINE_S = 20
# What is typed (with \t), and the words that must come of it. Each is unique as typed.
TYPED = [
    ("worstday val\tEND", "validate END"),
    ("worstday list fau\tEND", "list faults END"),
    ("worstday list faults process.k\tEND", "list faults process.kill END"),
    ("worstday list checks no-lost\tEND", "list checks no-lost-sale END"),
    ("worstday run --unt\tEND", "run --until-fail END"),
    ("worstday run --keep fa\tEND", "run --keep failed END"),
    ("worstday run --jobs 2 fold\t\tEND", "run --jobs 2 folder/experiment.yml END"),
    ("worstday report fold\t", "report folder/ END"),
    ("worstday probe til\tEND", "probe till END"),
    ("worstday init tar\tEND", "init target END"),
    ("worstday init experiment x til\tEND", "init experiment x till END"),
    ("worstday ctl he\tEND", None),  # heal, help: two, so nothing is completed
    ("worstday ctl arm power\tEND", "ctl arm power.cut END"),
    ("worstday doc schema-t\tEND", "doc schema-target END"),
]


def prepare(work, program, docs):
    (work / "bin").mkdir()
    (work / "folder").mkdir()
    (work / "folder/experiment.yml").write_text("")
    (work / "targets/till").mkdir(parents=True)
    (work / "targets/till/target.yml").write_text("title: x\n")
    script = work / "bin/worstday"
    script.write_text("#!/bin/sh\n"
                      "for last; do :; done\n"
                      f'case $last in *END) echo "$*" >>"{work}/called" ;;\n'
                      f'*) exec "{program}" "$@" ;; esac\n')
    script.chmod(0o755)
    (work / "_worstday").write_text((docs / "_worstday").read_text())


def begin(shell, work, docs):
    env = {"PATH": f"{work}/bin:{os.environ['PATH']}", "TERM": "vt100", "HOME": str(work), "PS1": "$ ",
           "LC_ALL": "C.UTF-8", "ZDOTDIR": str(work), "HISTFILE": ""}
    master, slave = pty.openpty()
    argv = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}[shell]
    setup = {"bash": f". {docs}/worstday.bash; bind 'set enable-bracketed-paste off'",
             "zsh": f"fpath=({work} $fpath); autoload -U compinit; compinit -u -D; "
                    "unsetopt BEEP AUTO_REMOVE_SLASH; zstyle ':completion:*' menu no"}[shell]
    proc = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, cwd=work, env=env,
                            start_new_session=True, close_fds=True)
    os.close(slave)
    return proc, master, setup


class Terminal:
    def __init__(self, master):
        self.master, self.seen = master, b""

    def type(self, text):
        os.write(self.master, text.encode())

    def until(self, done, deadline):
        """Read what the shell shows until done() or the deadline (monotonic)."""
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if select.select([self.master], [], [], min(left, 0.05))[0]:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:
                    return done()
        return True


def calls(work):
    try:
        return (work / "called").read_text().splitlines()
    except FileNotFoundError:
        return []


def try_one(term, work, typed, want):
    before = len(calls(work))
    term.type(typed if typed.endswith("END") else typed + " END")
    term.type("\r")
    if not term.until(lambda: len(calls(work)) > before, time.monotonic() + DEADLINE_S):
        return f"{typed!r}: nothing was called; on the terminal: {term.seen[-600:]!r}"
    got = calls(work)[-1]
    if want is None:
        want = typed.replace("\t", "").removeprefix("worstday ")
    return None if got == want else f"{typed!r}: was called with {got!r}, expected {want!r}"


def main(shell, program, docs, work):
    docs, work = pathlib.Path(docs).resolve(), pathlib.Path(work).resolve()
    prepare(work, pathlib.Path(program).resolve(), docs)
    proc, master, setup = begin(shell, work, docs)
    term = Terminal(master)
    failed = []
    try:
        term.type(setup + "; worstday ready.END\r")
        if not term.until(lambda: calls(work), time.monotonic() + DEADLINE_S):
            failed.append(f"{shell} does not come up: {term.seen!r}")
        else:
            failed = list(filter(None, (try_one(term, work, *t) for t in TYPED)))
    finally:
        os.close(master)
        proc.kill()
        proc.wait()
    for words in failed:
        print(f"{shell}: {words}")
    print(f"{shell}: {len(TYPED)} lines typed, {len(failed)} surprises")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
