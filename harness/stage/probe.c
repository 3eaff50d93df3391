/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Each probe tries the thing itself, in a child process
 * that ends with it, and says what failed and what would help. Those that the
 * stage cannot do without come first; the others only tell what is lost
 * without them and are never "not ok".
 */
#include "stage/links.h"
#include "stage/room.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

static void say(struct probe *p, bool ok, const char *why, const char *remedy)
{
	p->ok = ok;
	snprintf(p->why, sizeof(p->why), "%.255s", why);
	snprintf(p->remedy, sizeof(p->remedy), "%.255s", ok ? "" : remedy);
}

static long read_number(const char *path)
{
	cleanup_file FILE *f = fopen(path, "re");
	long n = -1;

	return f && fscanf(f, "%ld", &n) == 1 ? n : -1;
}

/* ---- the probes; each runs in a child of its own ---- */

static bool enter(struct slot *s, struct probe *p)
{
	struct err e = { 0 };
	const char *remedy = "allow user namespaces, or run as root";

	if (userns_enter(s, &e) == 0)
		return true;
	if (read_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		remedy = "sysctl -w kernel.unprivileged_userns_clone=1";
	else if (read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		remedy = "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
	else if (read_number("/proc/sys/user/max_user_namespaces") == 0)
		remedy = "sysctl -w user.max_user_namespaces=10000";
	say(p, false, e.msg, remedy);
	return false;
}

static void probe_userns(struct probe *p)
{
	struct slot s = { .home = -1 };

	if (enter(&s, p))
		say(p, true,
		    s.range ? "a range of ids" : "one id: services share the harness's own", "");
}

static void probe_tun(struct probe *p)
{
	struct slot s = { .home = -1 };
	struct err e = { 0 };
	struct wire *w;
	int net;

	if (!enter(&s, p))
		return;
	net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (wire_new(&w, &e) == 0 && wire_attach(w, net, 0, &e) == 0)
		say(p, true, "made an interface and gave it addresses", "");
	else
		say(p, false, e.msg, access("/dev/net/tun", F_OK) < 0 ? "modprobe tun" :
		    "chmod 0666 /dev/net/tun, or run as root");
}

/* PID 1 of a new PID namespace: a fresh proc needs an unmasked one to copy the right from. */
static int mounts_in_child(void)
{
	if (mount("tmpfs", "/tmp", "tmpfs", 0, NULL) < 0)
		return errno;
	if (mkdir("/tmp/p", 0755) < 0 || mount("proc", "/tmp/p", "proc", 0, NULL) < 0)
		return errno;
	return mount_bind("/usr", "/tmp/p", true) < 0 ? errno : 0;
}

static void probe_mounts(struct probe *p)
{
	struct slot s = { .home = -1 };
	char why[128];
	int status = 0;
	pid_t pid;

	if (!enter(&s, p))
		return;
	if (unshare(CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS) < 0) {
		say(p, false, strerror(errno), "a kernel with PID, IPC and UTS namespaces");
		return;
	}
	pid = fork();
	if (pid == 0)
		_exit(mounts_in_child());
	waitpid(pid, &status, 0);
	snprintf(why, sizeof(why), "mounting a new /proc: %s", strerror(WEXITSTATUS(status)));
	if (status == 0)
		say(p, true, "mounted a tmpfs, a new /proc and /usr read-only", "");
	else
		say(p, false, why, "in a container: unmask /proc (docker run --security-opt "
		    "systempaths=unconfined --security-opt seccomp=unconfined)");
}

static void probe_pidfd(struct probe *p)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd >= 0 && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0)
		say(p, true, "opened one and sent a signal through it", "");
	else
		say(p, false, strerror(errno), "Linux 5.12 or newer");
}

static void probe_children(struct probe *p)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	if (access(path, R_OK) == 0)
		say(p, true, "/proc tells the children of a process", "");
	else
		say(p, false, strerror(errno), "a kernel with CONFIG_PROC_CHILDREN");
}

static void probe_idmap(struct probe *p)
{
	struct slot s = { .home = -1 };

	if (!enter(&s, p))
		return;
	say(p, true, s.range ? "services get an id that is nobody's" :
	    "not there: services run under your own id; install uidmap and give yourself a range "
	    "in /etc/subuid and /etc/subgid to change that", "");
}

static void probe_overlay(struct probe *p)
{
	struct slot s = { .home = -1 };

	if (!enter(&s, p))
		return;
	if (mount("tmpfs", "/tmp", "tmpfs", 0, NULL) == 0 && mkdir("/tmp/u", 0755) == 0 &&
	    mkdir("/tmp/w", 0755) == 0 && mkdir("/tmp/m", 0755) == 0 &&
	    mount("overlay", "/tmp/m", "overlay", 0,
		  "lowerdir=/usr,upperdir=/tmp/u,workdir=/tmp/w,userxattr") == 0)
		say(p, true, "nodes may have a rootfs:", "");
	else
		say(p, true, "not there: targets with `rootfs:` cannot run", "");
}

static void probe_diag(struct probe *p)
{
	struct slot s = { .home = -1 };
	struct err e = { 0 };

	if (!enter(&s, p))
		return;
	s.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (net_clean(&s, s.home, &e) == 0)
		say(p, true, "sockets can be removed from pooled networks", "");
	else
		say(p, true, "not there: every trial makes new networks (slower)", "");
}

static bool netem_here(struct probe *p, bool bucket)
{
	struct slot s = { .home = -1 };
	struct err e = { 0 };

	if (!enter(&s, p))
		return false;
	s.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (wire_netem_probe(s.home, bucket, &e) == 0) {
		say(p, true, "", "");
		return true;
	}
	say(p, false, e.msg, "a kernel with sch_netem, sch_tbf and veth, "
	    "as Debian's linux-image-amd64 (modprobe -a sch_netem sch_tbf veth)");
	return false;
}

static void probe_link_netem(struct probe *p)
{
	netem_here(p, false);
}

static void probe_link_bucket(struct probe *p)
{
	netem_here(p, true);
}

/* The doctor's line: without netem the wire still does everything. */
static void probe_netem(struct probe *p)
{
	char why[sizeof(p->why)];

	if (netem_here(p, true)) {
		say(p, true, "faults may have `backend: netem`", "");
		return;
	}
	snprintf(why, sizeof(why), "not there: faults with `backend: netem` cannot run (%.64s; "
		 "remedy: %.120s)", p->why, p->remedy);
	say(p, true, why, "");
	p->spare = true;
}

/* Not every experiment needs it: those that do are told by their faults. */
static void probe_fuse_fault(struct probe *p)
{
	struct slot s = { .home = -1 };
	struct err e = { 0 };

	if (!enter(&s, p))
		return;
	if (disk_try(&e) == 0)
		say(p, true, "disks of ours: mounted one, wrote and read through it", "");
	else
		say(p, false, e.msg, access("/dev/fuse", F_OK) < 0 ? "modprobe fuse" :
		    "chmod 0666 /dev/fuse, or run as root");
}

static void probe_fuse(struct probe *p)
{
	char why[256];

	probe_fuse_fault(p);
	if (p->ok)
		return;
	snprintf(why, sizeof(why), "not there: no fault on disks (%.180s)", p->why);
	say(p, true, why, "");
}

/* Not every experiment needs it, as with disks. */
static void probe_calls_fault(struct probe *p)
{
	struct slot s = { .home = -1 };
	struct err e = { 0 };
	char words[200];

	if (!enter(&s, p))
		return;
	if (calls_try(words, sizeof(words), &e) == 0)
		say(p, true, words, "");
	else
		say(p, false, e.msg, "Linux 5.9 or newer with CONFIG_SECCOMP_FILTER; in a "
		    "container: docker run --security-opt seccomp=unconfined");
}

static void probe_calls(struct probe *p)
{
	char why[256];

	probe_calls_fault(p);
	if (p->ok)
		return;
	snprintf(why, sizeof(why), "not there: no fault on system calls (%.180s)", p->why);
	say(p, true, why, "");
}

static void probe_pressure(struct probe *p)
{
	if (access("/proc/pressure/cpu", R_OK) == 0)
		say(p, true, "the noise guard sees how busy this host is", "");
	else
		say(p, true, "not there (boot with psi=1): the noise guard sees less", "");
}

static const struct {
	const char *name;
	void (*try)(struct probe *p);
} probes[] = {
	{ "user namespaces", probe_userns },  { "mounts of a node", probe_mounts },
	{ "/dev/net/tun", probe_tun },        { "pidfd", probe_pidfd },
	{ "/proc children", probe_children }, { "range of ids", probe_idmap },
	{ "overlay", probe_overlay },         { "SOCK_DIAG", probe_diag },
	{ "netem", probe_netem },             { "/dev/fuse", probe_fuse },
	{ "system calls", probe_calls },      { "pressure", probe_pressure },
};

/* Runs a probe in a child of its own; @shared is memory that both see. */
static void attempt(struct probe *shared, const char *name, void (*try)(struct probe *p))
{
	pid_t pid;

	*shared = (struct probe){ .name = name };
	say(shared, false, "the probe itself died", "report this");
	pid = fork();
	if (pid == 0) {
		alarm(10);
		try(shared);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int probe_one(const char *name, void (*try)(struct probe *p), char *why, size_t why_len)
{
	struct probe *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	if (p == MAP_FAILED)
		return -ENOMEM;
	attempt(p, name, try);
	r = p->ok ? 0 : -ENOTSUP;
	snprintf(why, why_len, "%s%s%s", p->why, p->ok ? "" : "; remedy: ",
		 p->ok ? "" : p->remedy);
	munmap(p, sizeof(*p));
	return r;
}

int stage_probe_disk(char *why, size_t why_len)
{
	return probe_one("/dev/fuse", probe_fuse_fault, why, why_len);
}

int stage_probe_calls(char *why, size_t why_len)
{
	return probe_one("system calls", probe_calls_fault, why, why_len);
}

int stage_probe_netem(bool bucket, char *why, size_t why_len)
{
	struct probe *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool ok;

	if (shared == MAP_FAILED)
		return -ENOMEM;
	attempt(shared, "netem", bucket ? probe_link_bucket : probe_link_netem);
	ok = shared->ok;
	if (!ok)
		snprintf(why, why_len, "%s; remedy: %s, or `backend: wire`", shared->why,
			 shared->remedy);
	munmap(shared, sizeof(*shared));
	return ok ? 0 : -EOPNOTSUPP;
}

size_t stage_probes(struct probe *ret, size_t max)
{
	size_t n = max < ARRAY_SIZE(probes) ? max : ARRAY_SIZE(probes);
	struct probe *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return 0;
	for (size_t i = 0; i < n; i++) {
		attempt(shared, probes[i].name, probes[i].try);
		ret[i] = *shared;
	}
	munmap(shared, sizeof(*shared));
	return n;
}
