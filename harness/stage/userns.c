/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Two levels of user namespaces:
 *
 *   host        slot (userns_enter)      service (userns_map)
 *   our id  ──► 0, with all capabilities
 *   BASE+k  ──► k (root, or newuidmap)
 *               service_id            ──► the id the service wants to have
 *
 * Root maps itself and a range of ids that nobody uses, so that a service is
 * never the host's root. An ordinary user asks newuidmap for the range of
 * /etc/subuid, and without it has one id for everything. A map must be written
 * from the parent namespace: a helper forked beforehand does it.
 *
 * A service gets one id and no capability over anything but its own
 * namespace: mounts and network of the node belong to the slot's.
 */
#include "stage/room.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Above what distributions, containers and systemd hand out. */
#define HOST_BASE 1879048192U
#define RANGE_MAX 65535U
#define SERVICE_ID 1000U

static int write_file(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

static int write_proc(pid_t pid, const char *file, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return write_file(path, text);
}

int userns_map(pid_t pid, const struct idmap *m)
{
	char text[64];
	int r;

	snprintf(text, sizeof(text), "%u %u 1", m->uid, m->outer_uid);
	r = write_proc(pid, "uid_map", text);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%u %u 1", m->gid, m->outer_gid);
	return write_proc(pid, "gid_map", text);
}

/* ---- the slot's namespace ---- */

struct span {
	unsigned start, count;
};

/* A span of ids that our own namespace has: the unused range, else what lies above 0. */
static struct span span_root(const char *map)
{
	cleanup_file FILE *f = fopen(map, "re");
	struct span best = { 0, 0 };
	unsigned inside, outside, count;

	while (f && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3) {
		if (inside <= HOST_BASE && count > HOST_BASE - inside &&
		    count - (HOST_BASE - inside) >= RANGE_MAX)
			return (struct span){ HOST_BASE, RANGE_MAX };
		if (inside == 0 && count > 1)
			best = (struct span){ 1, count - 1 < RANGE_MAX ? count - 1 : RANGE_MAX };
		else if (inside > 0 && count > best.count)
			best = (struct span){ inside, count < RANGE_MAX ? count : RANGE_MAX };
	}
	return best;
}

/* The first span of /etc/subuid for this user, by name or number. */
static struct span span_sub(const char *file)
{
	const struct passwd *pw = getpwuid(getuid());
	char line[256], number[16];
	cleanup_file FILE *f = fopen(file, "re");

	snprintf(number, sizeof(number), "%u", getuid());
	while (f && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');
		struct span s;

		if (!colon)
			continue;
		*colon = '\0';
		if (strcmp(line, number) && (!pw || strcmp(line, pw->pw_name)))
			continue;
		if (sscanf(colon + 1, "%u:%u", &s.start, &s.count) == 2 && s.count > 1)
			return (struct span){ s.start, s.count < RANGE_MAX ? s.count : RANGE_MAX };
	}
	return (struct span){ 0, 0 };
}

static int map_root(pid_t pid, struct span u, struct span g)
{
	char text[128];
	int r;

	snprintf(text, sizeof(text), "0 %u 1\n1 %u %u\n", geteuid(), u.start, u.count);
	r = write_proc(pid, "uid_map", text);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "0 %u 1\n1 %u %u\n", getegid(), g.start, g.count);
	return write_proc(pid, "gid_map", text);
}

static int run_map(const char *tool, pid_t pid, unsigned self, struct span s)
{
	char arg[4][16];
	int status;
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		snprintf(arg[0], sizeof(arg[0]), "%d", pid);
		snprintf(arg[1], sizeof(arg[1]), "%u", self);
		snprintf(arg[2], sizeof(arg[2]), "%u", s.start);
		snprintf(arg[3], sizeof(arg[3]), "%u", s.count);
		dup2(null, 2);
		execlp(tool, tool, arg[0], "0", arg[1], "1", "1", arg[2], arg[3], (char *)NULL);
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status == 0 ? 0 : -EPERM;
}

static int map_tools(pid_t pid)
{
	struct span u = span_sub("/etc/subuid"), g = span_sub("/etc/subgid");
	int r;

	if (!u.count || !g.count)
		return -ENOENT;
	r = run_map("newuidmap", pid, geteuid(), u);
	return r < 0 ? r : run_map("newgidmap", pid, getegid(), g);
}

static int map_single(pid_t pid)
{
	char text[64];
	int r;

	snprintf(text, sizeof(text), "0 %u 1", geteuid());
	r = write_proc(pid, "uid_map", text);
	if (r < 0 && r != -EPERM)
		return r;
	write_proc(pid, "setgroups", "deny"); /* may be denied already, from outside */
	snprintf(text, sizeof(text), "0 %u 1", getegid());
	r = write_proc(pid, "gid_map", text);
	return r == -EPERM ? 0 : r;
}

/* Map process pid; returns how many service ids there are (1: only its own), or -errno. */
static int map_slot(pid_t pid)
{
	struct span u = span_root("/proc/self/uid_map"), g = span_root("/proc/self/gid_map");
	int r = -EPERM;

	if (geteuid() == 0 && u.count && g.count)
		r = map_root(pid, u, g);
	if (r < 0 && geteuid() != 0) {
		u = span_sub("/etc/subuid");
		r = map_tools(pid);
	}
	if (r == 0)
		return (int)u.count;
	r = map_single(pid);
	return r < 0 ? r : 0;
}

/* The helper: waits for the worker to have unshared, maps it, says how that went. */
static _Noreturn void helper_main(int sock, pid_t worker)
{
	int r;
	char go;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(sock, &go, 1) != 1)
		_exit(1);
	r = map_slot(worker);
	_exit(write(sock, &r, sizeof(r)) != (ssize_t)sizeof(r));
}

static int ask_helper(int sock, struct slot *s, struct err *e)
{
	int r = -EPIPE;

	if (write(sock, "g", 1) != 1 || read(sock, &r, sizeof(r)) != (ssize_t)sizeof(r))
		return err_errno(e, EPIPE, "mapping ids");
	if (r < 0)
		return err_errno(e, -r, "mapping ids");
	s->range = r > 0;
	s->service_id = r >= (int)SERVICE_ID ? SERVICE_ID : s->range ? 1 : 0;
	return 0;
}

static int become_root(struct err *e)
{
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_errno(e, errno, "becoming root of the new user namespace");
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return err_errno(e, errno, "setgroups");
	prctl(PR_SET_DUMPABLE, 1); /* changing ids cleared it; /proc/self would be closed to us */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(e, errno, "making mounts private");
	return 0;
}

static int enter_with(int sock, struct slot *s, struct err *e)
{
	int r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) < 0)
		return err_errno(e, errno, "making a user namespace");
	r = ask_helper(sock, s, e);
	return r < 0 ? r : become_root(e);
}

int userns_enter(struct slot *s, struct err *e)
{
	pid_t worker = getpid(), helper;
	int sv[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(e, errno, "socketpair");
	helper = fork();
	if (helper == 0) {
		close(sv[0]);
		helper_main(sv[1], worker);
	}
	close(sv[1]);
	r = helper < 0 ? err_errno(e, errno, "fork") : enter_with(sv[0], s, e);
	close(sv[0]);
	while (helper > 0 && waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}
