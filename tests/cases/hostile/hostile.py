#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A POS that sells honestly and meanwhile tries everything to get out of its node.

Every attempt runs in a child of its own and returns None when it was turned away, or words that
say what it reached. Prints one line per attempt ("kept in: NAME" / "ESCAPED: NAME: WORDS") and
"attempts: N" at the end. BOOKS= puts something else where the books should be.
"""
import ctypes
import errno
import json
import os
import resource
import signal
import socket
import sqlite3
import stat
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATA = "/var/lib/pos"
CANARY = json.loads(os.environ["CANARY"])  # what hostile.sh put on the host
SINGLE = bool(CANARY["single"])  # the harness has one id only: services share it
libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUSER, NEWPID, NEWNET = 0x20000, 0x10000000, 0x20000000, 0x40000000
SYS = {"x86_64": {"kexec_load": 246, "init_module": 175, "delete_module": 176, "add_key": 248,
                  "keyctl": 250, "swapon": 167, "acct": 163, "clock_settime": 227,
                  "open_by_handle_at": 304, "pidfd_open": 434, "pidfd_getfd": 438, "setns": 308},
       "aarch64": {"kexec_load": 104, "init_module": 105, "delete_module": 106, "add_key": 217,
                   "keyctl": 219, "swapon": 224, "acct": 89, "clock_settime": 112,
                   "open_by_handle_at": 265, "pidfd_open": 434, "pidfd_getfd": 438,
                   "setns": 268}}[os.uname().machine]


def call(name, *args):
    """A raw system call: 0 or more, or minus errno."""
    r = libc.syscall(SYS[name], *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    return r if r >= 0 else -ctypes.get_errno()


def c(name, *args):
    r = getattr(libc, name)(*args)
    return r if r >= 0 else -ctypes.get_errno()


def mount(source, target, kind, flags=0, data=None):
    return c("mount", source, target, kind, ctypes.c_ulong(flags), data)


def opened(path, flags=os.O_RDONLY):
    try:
        fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    return fd


def text(path, size=4096):
    fd = opened(path)
    if fd is None:
        return b""
    try:
        return os.read(fd, size)
    except OSError:
        return b""
    finally:
        os.close(fd)


def harmless(path):
    s = os.stat(path)
    return stat.S_ISCHR(s.st_mode) and os.major(s.st_rdev) == 1 and \
        os.minor(s.st_rdev) in (3, 5, 7, 8, 9)


# ---- processes ----

def see_processes():
    for p in filter(str.isdigit, os.listdir("/proc")):
        if CANARY["marker"].encode() in text("/proc/%s/cmdline" % p):
            return "pid %s" % p


def signal_host():
    try:
        os.kill(CANARY["pid"], signal.SIGKILL)  # hostile.sh looks whether it lives
        return "signalled %d" % CANARY["pid"]
    except OSError:
        return None


def kill_init():
    for sig in range(1, 65):
        try:
            os.kill(1, sig)
        except OSError:
            pass


def betters():
    """init, and the keepers: children of init."""
    for p in sorted(map(int, filter(str.isdigit, os.listdir("/proc")))):
        if text("/proc/%d/comm" % p).strip() in (b"init", b"keeper"):
            yield p


def signal_keepers():
    if SINGLE:
        return None  # it may; the trial is broken then
    for p in betters():
        try:
            os.kill(p, 0)
            return "may signal pid %d" % p
        except OSError:
            pass


def ptrace_them():
    for p in betters():
        if libc.ptrace(0x4206, p, 0, 0) == 0:  # PTRACE_SEIZE
            return "seized pid %d" % p
        if opened("/proc/%d/mem" % p, os.O_RDWR) is not None:
            return "memory of pid %d" % p
        for what in ("fd", "map_files"):
            try:
                for name in os.listdir("/proc/%d/%s" % (p, what)):  # the numbers alone tell nothing
                    return os.readlink("/proc/%d/%s/%s" % (p, what, name))
            except OSError:
                pass
        for link in ("root", "cwd", "exe", "ns/mnt", "ns/user"):
            try:
                return "%s of pid %d: %s" % (link, p, os.readlink("/proc/%d/%s" % (p, link)))
            except OSError:
                pass
        fd = call("pidfd_open", p, 0)
        for want in range(8):
            if fd >= 0 and call("pidfd_getfd", fd, want, 0) >= 0:
                return "took descriptor %d of pid %d" % (want, p)


def limits_of_init():
    if SINGLE:
        return None
    for p in betters():
        try:
            resource.prlimit(p, resource.RLIMIT_NOFILE, (10, 10))
            return "changed the limits of pid %d" % p
        except OSError:
            pass


def join_namespaces():
    for p in betters():
        for ns in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup"):
            fd = opened("/proc/%d/ns/%s" % (p, ns))
            if fd is not None and libc.setns(fd, 0) == 0:
                return "joined %s of pid %d" % (ns, p)
        fd = call("pidfd_open", p, 0)
        if fd >= 0 and call("setns", fd, NEWNS | NEWUSER) >= 0:
            return "joined pid %d" % p


def get_priority():
    for what in (lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
                 lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))):
        try:
            what()
            return "a better priority than it was given"
        except OSError:
            pass


def oom_immunity():
    now = int(text("/proc/self/oom_score_adj") or b"0")
    fd = opened("/proc/self/oom_score_adj", os.O_WRONLY)
    try:
        os.write(fd, b"-900")
        return "from %d to -900" % now
    except (OSError, TypeError):
        return None if now >= 500 else "is spared as long as the harness (%d)" % now


# ---- files ----

def descriptors():
    for fd in os.listdir("/proc/self/fd"):
        try:
            to = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            continue  # the folder's own
        if int(fd) > 2 and not to.startswith("/proc/"):
            return "%s is %s" % (fd, to)
        if int(fd) <= 2 and to != "/dev/null" and not to.startswith("pipe:"):
            return "%s is %s" % (fd, to)


def read_files():
    for path in CANARY["secrets"] + ["/etc/shadow", "/etc/gshadow", "/etc/ssh", "/etc/sudoers"]:
        for front in ("", "/proc/1/root", "/proc/self/root", "/target/../../..", "/target/.."):
            if os.path.lexists(front + path):
                return front + path
    for path in ("/root", "/home", "/var/lib/pos/..", "/boot", "/srv", "/mnt", "/media", "/opt"):
        found = [x for x in os.listdir(path) if x != "pos"] if os.path.isdir(path) else []
        found = [x for x in found if path != "/var/lib/pos/.."]
        if found:
            return "%s: %s" % (path, found)


def find_secret():
    """The results and the cache may lie below the target's folder; they are not shown."""
    for top, _, names in os.walk("/target"):
        for name in names:
            if name != "hostile.py" and name != "target.yml" and "allowed" not in name and \
                    CANARY["word"].encode() in text(os.path.join(top, name)):
                return os.path.join(top, name)
        if ".cache" in top and (names or "mnt" in top):
            return top


def write_files():
    new = ["/target/x", "/usr/x", "/bin/x", "/lib/x", "/.etc/x", "/etc/ssl/x", "/proc/x", "/sys/x"]
    for path in new:
        if opened(path, os.O_WRONLY | os.O_CREAT) is not None:
            return "made " + path
    for path in ("/target/target.yml", "/usr/bin/env", sys.executable, "/usr/bin/python3"):
        if opened(path, os.O_WRONLY) is not None:
            return "may write " + path


def write_kernel():
    """Opens only; nothing is written."""
    for root in ("/proc", "/sys"):
        for top, dirs, names in os.walk(root):
            own = top == "/proc"
            dirs[:] = [d for d in dirs if not (own and (d.isdigit() or d in ("self", "thread-self")))
                       and top.count("/") < 6 and not os.path.islink(os.path.join(top, d))]
            for name in names:
                path = os.path.join(top, name)
                if os.path.islink(path):
                    continue
                fd = opened(path, os.O_WRONLY)
                if fd is not None and not harmless(path) and not path.startswith("/proc/pressure/"):
                    return "may write " + path
                if fd is not None:
                    os.close(fd)


def read_kernel():
    for path in ("/proc/kcore", "/proc/keys", "/proc/kmsg", "/proc/timer_list", "/dev/kmsg",
                 "/dev/mem", "/proc/sched_debug"):
        if text(path, 64):
            return "read " + path


def devices():
    known = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}
    for top, dirs, names in os.walk("/dev"):
        dirs[:] = [d for d in dirs if d != "pts"]
        for name in names:
            s = os.lstat(os.path.join(top, name))
            if stat.S_ISBLK(s.st_mode) or (stat.S_ISCHR(s.st_mode) and name not in known):
                return os.path.join(top, name)
    for kind, major, minor in ((stat.S_IFCHR, 1, 1), (stat.S_IFBLK, 254, 0), (stat.S_IFBLK, 8, 0),
                               (stat.S_IFCHR, 10, 200), (stat.S_IFCHR, 10, 229)):
        for folder in ("/tmp", DATA, "/dev/shm"):
            try:
                os.mknod(folder + "/node", kind | 0o666, os.makedev(major, minor))
                if opened(folder + "/node") is not None:
                    return "opened device %d:%d" % (major, minor)
            except OSError:
                pass


# ---- mounts ----

def out_of_here():
    for path in CANARY["secrets"]:
        if os.path.lexists(path):
            return path


def mounts_here():
    remount, bind, read_only = 32, 4096, 1
    for path in (b"/usr", b"/target", b"/proc/sys", b"/proc/irq", b"/sys", b"/.etc"):
        if mount(None, path, None, remount | bind) == 0 or mount(None, path, None, remount) == 0:
            if opened(path + b"/x", os.O_WRONLY | os.O_CREAT) is not None:
                return "remounted %s read-write" % path
        copy = b"/tmp/bind"
        os.makedirs(copy, exist_ok=True)
        if mount(path, copy, None, bind) == 0 and mount(None, copy, None, remount | bind) == 0:
            if opened(copy + b"/x", os.O_WRONLY | os.O_CREAT) is not None:
                return "bound %s read-write" % path
        libc.umount2(copy, 2)
    for path in (b"/proc/kcore", b"/proc/sysrq-trigger", b"/proc/keys", b"/proc/sys", b"/proc/irq",
                 b"/target/results", b"/target", b"/usr", b"/.etc", b"/proc", b"/sys", b"/dev",
                 b"/"):
        if libc.umount2(path, 2) == 0:
            return "unmounted %s" % path
    return out_of_here()


def fresh_kernel_mounts():
    """Where the rules of the kernel let it mount one at all, it must be as closed as the old."""
    place = b"/tmp/fresh"
    os.makedirs(place, exist_ok=True)
    for kind in (b"proc", b"sysfs", b"debugfs", b"tracefs", b"securityfs", b"bpf", b"cgroup",
                 b"cgroup2", b"devtmpfs", b"configfs", b"efivarfs", b"ext4", b"btrfs"):
        if mount(b"x", place, kind, 0) != 0:
            continue
        if kind not in (b"bpf",):
            for name in (b"sysrq-trigger", b"kcore", b"sys/kernel/core_pattern", b"cgroup.procs"):
                if opened(os.path.join(place, name), os.O_WRONLY) is not None:
                    return "%s with %s" % (kind, name)
        libc.umount2(place, 2)


def mounts_unshared():
    if libc.unshare(NEWUSER | NEWNS) != 0:
        return None
    return mounts_here() or fresh_kernel_mounts()


def mounts_unshared_all():
    if libc.unshare(NEWNS | NEWPID | NEWNET) != 0:
        return None
    child = os.fork()
    if child == 0:
        said = mounts_here() or fresh_kernel_mounts()
        print_raw(said or "")
        os._exit(7 if said else 0)
    return "see above" if os.waitpid(child, 0)[1] else None


def chroot_escape():
    os.makedirs("/tmp/jail", exist_ok=True)
    here = os.open("/", os.O_RDONLY)
    if libc.chroot(b"/tmp/jail") != 0:
        return None
    os.fchdir(here)
    for _ in range(64):
        os.chdir("..")
    libc.chroot(b".")
    return out_of_here()


def file_handles():
    """A handle made by hand reaches any inode of a file system (needs a host's capability)."""
    for path in ("/usr", "/target"):
        fd = os.open(path, os.O_RDONLY)
        handle = ctypes.create_string_buffer(struct.pack("=IiQ", 8, 1, 2))
        got = call("open_by_handle_at", fd, handle, 0)
        if got >= 0:
            return "opened the root inode below " + path


def exchange_links():
    """A link in a data folder means nothing outside."""
    os.symlink(CANARY["secrets"][0], DATA + "/link")
    return "read it" if text(DATA + "/link") else None


# ---- the kernel's global state ----

def modules():
    for name, args in (("init_module", (0, 0, 0)), ("delete_module", (0, 0)),
                       ("kexec_load", (0, 0, 0, 0)), ("swapon", (0, 0)), ("acct", (1,))):
        r = call(name, *args)
        if r not in (-errno.EPERM, -errno.ENOSYS):
            return "%s: %d" % (name, r)


def clock():
    now = time.time()
    spec = struct.pack("qq", int(now), int(now % 1 * 1e9))
    if call("clock_settime", 0, spec) == 0:
        return "set the clock"


def hostname():
    try:
        socket.sethostname("owned")
        return "changed its name"
    except OSError:
        return None


def session_keys():
    r = call("keyctl", 10, -3, b"user\0", CANARY["marker"].encode() + b"\0", 0)  # SEARCH, @s
    return "found the key of the harness's session (%d)" % r if r > 0 else None


def core_limit():
    for soft in (resource.RLIM_INFINITY, 1 << 30, 2):
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (soft, resource.RLIM_INFINITY))
            return "raised to %d" % soft
        except (OSError, ValueError):
            pass
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    return "may raise it to %d" % hard if hard < 0 or hard > 1 else None


def core_dump():
    os.chdir(DATA)
    if os.fork() == 0:
        os.abort()
    if os.wait()[1] & 0x80:
        return "dumped"
    return next((x for x in os.listdir(DATA) if x.startswith("core")), None)


def ipc():
    shm = libc.shmget(0x576F7273, 1 << 20, 0o1666)
    libc.semget(0x576F7273, 1, 0o1666)
    libc.msgget(0x576F7273, 0o1666)
    if shm < 0:
        return None
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
    if libc.shmget(0x576F7274, total, 0o1666) >= 0:
        return "may have as much shared memory as the host has"


# ---- network ----

def connect_host():
    for host in CANARY["addresses"]:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(0.3)
            try:
                s.connect((host, CANARY["port"]))
                return "%s:%d" % (host, CANARY["port"])
            except OSError:
                pass


def abstract_socket():
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_UNIX, kind) as s:
            try:
                s.connect("\0" + CANARY["marker"])
                return "connected"
            except OSError:
                pass


def outside():
    for host in ("192.0.2.1", "8.8.8.8", "255.255.255.255", "10.77.1.1", "224.0.0.251"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            try:
                s.sendto(b"x", (host, 53))
                if host in ("192.0.2.1", "8.8.8.8", "10.77.1.1"):
                    return "a route to " + host
            except OSError:
                pass
    with open("/proc/net/route") as f:
        for line in f.readlines()[1:]:
            if line.split()[1] == "00000000":
                return "a default route"


def raw_sockets():
    for family, kind, proto in ((socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
                                (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
                                (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW),
                                (socket.AF_PACKET, socket.SOCK_RAW, 0x0300)):
        try:
            socket.socket(family, kind, proto)
            return "family %d" % family
        except OSError:
            pass


def change_network():
    import fcntl
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for name in (b"eth0", b"lo"):
        try:
            fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", name, 0))  # SIOCSIFFLAGS: down
            return "took %s down" % name
        except OSError:
            pass
    nl = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    msg = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 4, 0, 1, 0)  # a default route
    nl.send(struct.pack("=IHHII", 16 + len(msg), 24, 0x605, 1, 0) + msg)
    answer = nl.recv(4096)
    if struct.unpack_from("=i", answer, 16)[0] == 0:
        return "added a route"


def link_local():
    if [x for x in text("/proc/net/if_inet6", 65536).split(b"\n") if x.startswith(b"fe80")]:
        return "has a link-local address"
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        try:
            s.sendto(b"x", ("ff02::1", 9, 0, socket.if_nametoindex("eth0")))
        except OSError:
            pass


def interfaces():
    names = sorted(n for _, n in socket.if_nameindex())
    return None if set(names) <= {"lo", "eth0", "tunl0", "sit0", "ip6tnl0", "gre0", "gretap0",
                                  "erspan0", "ip_vti0", "ip6_vti0", "ip6gre0"} else str(names)


# ---- using things up ----

def sizes():
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    seen, most, inodes = set(), 0, 0
    for path in ("/tmp", "/run", "/var", "/home", "/dev/shm", "/dev", DATA, "/var/tmp"):
        v, dev = os.statvfs(path), os.stat(path).st_dev
        if dev not in seen:
            most += v.f_blocks * v.f_frsize
            inodes += v.f_files
        seen.add(dev)
    if most > total * 0.51:
        return "%d of %d MiB" % (most >> 20, total >> 20)
    if inodes * 1024 > total / 4:
        return "%d inodes" % inodes


def fork_some():
    """200 sleepers that ignore SIGTERM, in sessions of their own, holding the log open."""
    for _ in range(200):
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            time.sleep(3600)
            os._exit(0)
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    return None if 0 < soft <= 4096 else "no limit of processes (%d)" % soft


def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            libc.prctl(15, b"kworker/0:1", 0, 0, 0)
            time.sleep(3600)
        os._exit(0)


def fill():
    """Up to 1 GiB; what it may have is judged by sizes()."""
    for path in ("/dev/shm", "/tmp"):
        with open(path + "/fill", "wb") as f:
            try:
                for _ in range(512):
                    f.write(b"x" * (1 << 20))
            except OSError:
                pass


def flood():
    line = (b"y" * 1023 + b"\n") * 64
    for _ in range(512):  # 32 MiB
        os.write(1, line)


ATTEMPTS = [see_processes, signal_host, kill_init, signal_keepers, ptrace_them,
            limits_of_init, join_namespaces, get_priority, oom_immunity, descriptors, read_files,
            find_secret, write_files, write_kernel, read_kernel, devices, mounts_here,
            fresh_kernel_mounts, mounts_unshared, mounts_unshared_all, chroot_escape, file_handles,
            exchange_links, modules, clock, hostname, session_keys, core_limit, core_dump, ipc,
            connect_host, abstract_socket, outside, raw_sockets, change_network, link_local,
            interfaces, sizes, daemon, fork_some, fill, flood]


def print_raw(line):
    os.write(1, line.encode() + b"\n")


def attempt(what):
    child = os.fork()
    if child == 0:
        said = None
        try:
            said = what()
        except Exception as e:  # turned away in a way that it did not foresee
            print_raw("  %s: %s" % (what.__name__, e))
        print_raw("%s: %s%s" % ("ESCAPED" if said else "kept in", what.__name__,
                                ": " + said if said else ""))
        os._exit(0)
    os.waitpid(child, 0)


def all_attempts():
    only = [x for x in os.environ.get("ONLY", "").split(",") if x]
    mine = [a for a in ATTEMPTS if not only or a.__name__ in only]
    for what in mine:
        attempt(what)
    print_raw("attempts: %d" % len(mine))


# ---- the honest part ----

class Till(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    db = None
    lock = threading.Lock()

    def log_message(self, *args):
        pass

    def reply(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply({})

    def do_POST(self):
        sale = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            self.db.execute("INSERT OR IGNORE INTO sales VALUES(?, ?, "
                            "1 + (SELECT count(*) FROM sales))", (sale["key"], sale["total"]))
        self.reply({"receipt": sale["key"]})


def books():
    db = sqlite3.connect(DATA + "/real.db", isolation_level=None, check_same_thread=False)
    db.execute("CREATE TABLE sales(key TEXT PRIMARY KEY, total INT, number INTEGER)")
    kind, shown = os.environ.get("BOOKS", "good"), DATA + "/pos.db"
    if kind == "good":
        os.link(DATA + "/real.db", shown)
    elif kind == "link":
        os.symlink(CANARY["books"], shown)
    elif kind == "folder-link":
        os.symlink(os.path.dirname(CANARY["books"]), DATA + "/sub")
    elif kind == "fifo":
        os.mkfifo(shown)
    elif kind == "sparse":
        with open(shown, "wb") as f:
            f.write(open(DATA + "/real.db", "rb").read())
            f.truncate(1 << 40)
    return db


def main():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.environ.get("BOOKS", "good") == "good":
        all_attempts()
    Till.db = books()
    print_raw("open")
    ThreadingHTTPServer(("0.0.0.0", 8000), Till).serve_forever()


main()
