/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call is about, found out when a rule asks for it and remembered for the other rules. The
 * program waits meanwhile, but it may have other threads, and it may die: what was read of its
 * memory counts only when the call still waits afterwards (SECCOMP_IOCTL_NOTIF_ID_VALID). Another
 * thread may change a path after it was read; then a fault is about the wrong file, which harms
 * nobody: this chooses calls, it keeps nobody from anything.
 *
 * Paths are as the program's node sees them: /proc/PID/fd and cwd say so, for the supervisor's own
 * root is in none of them.
 */
#include "calls/room.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define PAGE 4096
#define VEC_MAX 1024

bool look_valid(struct look *l)
{
	uint64_t id = l->req->id;

	if (ioctl(l->at->fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0)
		l->gone = true;
	return !l->gone;
}

/* Page by page, so that what is there is read even if what follows is not. */
ssize_t look_memory(struct look *l, uint64_t at, void *to, size_t len)
{
	struct iovec here = { .iov_base = to, .iov_len = len }, there[4];
	unsigned n = 0;
	ssize_t r;

	for (size_t done = 0; done < len && n < ARRAY_SIZE(there); n++) {
		size_t part = PAGE - (at + done) % PAGE;

		if (part > len - done || n + 1 == ARRAY_SIZE(there))
			part = len - done;
		there[n] = (struct iovec){ .iov_base = (void *)(uintptr_t)(at + done),
					   .iov_len = part };
		done += part;
	}
	r = process_vm_readv((pid_t)l->req->pid, &here, 1, there, n, 0);
	if (r < 0)
		return -errno;
	return look_valid(l) ? r : -ESRCH;
}

static uint64_t arg(const struct look *l, unsigned number)
{
	return l->req->data.args[number - 1];
}

/* ---- paths ---- */

static void link_text(const struct look *l, const char *what, char *ret, size_t len)
{
	static const char deleted[] = " (deleted)";
	char at[64];
	ssize_t n;
	size_t tail;

	snprintf(at, sizeof(at), "/proc/%u/%s", l->req->pid, what);
	n = readlink(at, ret, len - 1);
	ret[n > 0 ? n : 0] = '\0';
	tail = strlen(ret) > strlen(deleted) ? strlen(ret) - strlen(deleted) : 0;
	if (tail && str_eq(ret + tail, deleted))
		ret[tail] = '\0';
}

static void fd_text(const struct look *l, int fd, char *ret, size_t len)
{
	char what[32];

	snprintf(what, sizeof(what), "fd/%d", fd);
	link_text(l, fd == AT_FDCWD ? "cwd" : what, ret, len);
}

/* Keeps the end of what is too long: that is what patterns are about. */
static void keep(struct look *l, const char *whole)
{
	size_t n = strlen(whole), max = sizeof(l->path) - 1;

	snprintf(l->path, sizeof(l->path), "%s", whole + (n > max ? n - max : 0));
}

#define WHOLE (2 * PAGE + 2)

/* The path at an address, from the folder `dir` if it does not say where it begins. */
static bool path_at(struct look *l, uint64_t at, int dir, char whole[WHOLE])
{
	char text[PAGE], from[PAGE] = "";
	ssize_t n = look_memory(l, at, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	if (text[0] != '/')
		fd_text(l, dir, from, sizeof(from));
	snprintf(whole, WHOLE, "%s%s%s", from, text[0] && text[0] != '/' ? "/" : "", text);
	return true;
}

static void path_argument(struct look *l)
{
	char whole[WHOLE];

	if (path_at(l, arg(l, l->call->path),
		    l->call->dir ? (int)arg(l, l->call->dir) : AT_FDCWD, whole))
		keep(l, whole);
}

/* A shell tries folder after folder: only the one that has the program counts. */
bool look_program(struct look *l)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	cleanup_close int root = -1, fd = -1;
	char whole[WHOLE], at[64];

	if (!path_at(l, arg(l, 1), AT_FDCWD, whole))
		return true;
	snprintf(at, sizeof(at), "/proc/%u/root", l->req->pid);
	root = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, whole, &how, sizeof(how));
	return root < 0 || fd >= 0;
}

const char *look_path(struct look *l)
{
	char text[PAGE];

	if (l->path_known)
		return l->path;
	l->path_known = true;
	if (l->call->path) {
		path_argument(l);
	} else if (l->call->fd) {
		fd_text(l, (int)arg(l, l->call->fd), text, sizeof(text));
		if (text[0] == '/')
			keep(l, text);
	}
	return l->path;
}

/* ---- descriptors ---- */

static int borrow(const struct look *l)
{
	if (!l->process || !l->call->fd)
		return -1;
	return (int)syscall(SYS_pidfd_getfd, l->process->pidfd, (int)arg(l, l->call->fd), 0);
}

static uint64_t bit(enum calls_kind kind)
{
	return UINT64_C(1) << kind;
}

static uint64_t socket_kinds(const struct look *l)
{
	cleanup_close int fd = borrow(l);
	int domain = 0, type = 0;
	uint64_t stream;
	socklen_t n = sizeof(domain);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0)
		return bit(CALLS_SOCKET);
	stream = type == SOCK_STREAM ? bit(LOOK_STREAM) : 0;
	if (domain == AF_UNIX)
		return bit(CALLS_SOCKET) | bit(CALLS_UNIX) | stream;
	if (domain != AF_INET && domain != AF_INET6)
		return bit(CALLS_SOCKET) | stream;
	return bit(CALLS_SOCKET) | stream | (type == SOCK_STREAM ? bit(CALLS_TCP) :
				    type == SOCK_DGRAM ? bit(CALLS_UDP) : 0);
}

static uint64_t mode_kinds(const struct look *l, const char *text)
{
	struct statx st;
	char at[64];

	snprintf(at, sizeof(at), "/proc/%u/fd/%d", l->req->pid, (int)arg(l, l->call->fd));
	if (statx(AT_FDCWD, at, AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0)
		return 0;
	if (S_ISREG(st.stx_mode))
		return bit(CALLS_FILE);
	if (S_ISDIR(st.stx_mode))
		return bit(CALLS_DIRECTORY);
	if (S_ISFIFO(st.stx_mode))
		return bit(CALLS_PIPE);
	if (S_ISCHR(st.stx_mode) || S_ISBLK(st.stx_mode))
		return bit(CALLS_DEVICE) | (!strncmp(text, "/dev/pts/", 9) ||
					    !strncmp(text, "/dev/tty", 8) ? bit(CALLS_TTY) : 0);
	return 0;
}

bool look_is(struct look *l, enum calls_kind kind)
{
	char text[PAGE] = "";

	if (kind == CALLS_ANY)
		return true;
	if (!l->kind_known && l->call->fd) {
		fd_text(l, (int)arg(l, l->call->fd), text, sizeof(text));
		if (!strncmp(text, "socket:", 7))
			l->kinds = socket_kinds(l);
		else if (!strncmp(text, "pipe:", 5))
			l->kinds = bit(CALLS_PIPE);
		else if (text[0] == '/')
			l->kinds = mode_kinds(l, text);
	}
	l->kind_known = true;
	return l->kinds & bit(kind);
}

/* ---- peers ---- */

union addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static void peer_words(struct look *l, const union addr *a)
{
	char host[INET6_ADDRSTRLEN] = "";
	unsigned port = 0;

	if (a->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
		port = ntohs(a->v4.sin_port);
	} else if (a->any.sa_family == AF_INET6) {
		if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
			inet_ntop(AF_INET, &a->v6.sin6_addr.s6_addr[12], host, sizeof(host));
		else
			inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
		port = ntohs(a->v6.sin6_port);
	} else if (a->any.sa_family == AF_UNIX) {
		snprintf(l->peer, sizeof(l->peer), "%.*s", (int)sizeof(l->peer) - 1,
			 a->un.sun_path);
		return;
	} else {
		return;
	}
	snprintf(l->peer_addr, sizeof(l->peer_addr), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host,
		 port);
	snprintf(l->peer, sizeof(l->peer), "%s", l->peer_addr);
	for (size_t i = 0; i < l->sup->nodes_count; i++)
		if (str_eq(host, l->sup->nodes[i].addr4) || str_eq(host, l->sup->nodes[i].addr6))
			snprintf(l->peer, sizeof(l->peer), "%s:%u", l->sup->nodes[i].name, port);
}

static bool peer_argument(struct look *l, union addr *a)
{
	uint64_t at = l->call->addr ? arg(l, l->call->addr) : 0;
	uint64_t len = at ? arg(l, l->call->addr_len) : 0;

	if (!at || len < sizeof(a->any.sa_family))
		return false;
	if (len > sizeof(*a) - 1) /* a path needs its zero */
		len = sizeof(*a) - 1;
	return look_memory(l, at, a, (size_t)len) >= (ssize_t)sizeof(a->any.sa_family);
}

const char *look_peer(struct look *l)
{
	union addr a = { .any = { 0 } };
	socklen_t n = sizeof(a) - 1;

	if (l->peer_known)
		return l->peer;
	l->peer_known = true;
	if (peer_argument(l, &a)) {
		peer_words(l, &a);
	} else {
		cleanup_close int fd = borrow(l);

		if (fd >= 0 && getpeername(fd, &a.any, &n) == 0)
			peer_words(l, &a);
	}
	return l->peer;
}

/* ---- sizes ---- */

static int64_t vec_size(struct look *l, uint64_t at, uint64_t count)
{
	struct iovec vec[64];
	int64_t sum = 0;

	for (uint64_t done = 0; done < count && done < VEC_MAX; done += ARRAY_SIZE(vec)) {
		size_t n = count - done < ARRAY_SIZE(vec) ? (size_t)(count - done)
							  : ARRAY_SIZE(vec);

		if (look_memory(l, at + done * sizeof(*vec), vec, n * sizeof(*vec)) !=
		    (ssize_t)(n * sizeof(*vec)))
			return -1;
		for (size_t i = 0; i < n; i++)
			sum += (int64_t)vec[i].iov_len;
	}
	return sum;
}

int64_t look_size(struct look *l)
{
	const struct calls_call *c = l->call;
	struct msghdr m;

	if (l->size_known)
		return l->size;
	l->size_known = true;
	if (c->size)
		l->size = (int64_t)arg(l, c->size);
	else if (c->vec)
		l->size = vec_size(l, arg(l, c->vec), arg(l, c->vec_count));
	else if (c->msg && look_memory(l, arg(l, c->msg), &m, sizeof(m)) == (ssize_t)sizeof(m))
		l->size = vec_size(l, (uint64_t)(uintptr_t)m.msg_iov, m.msg_iovlen);
	return l->size;
}

/* ---- names ---- */

void look_name(const struct look *l, bool thread, char *ret, size_t len)
{
	char at[64];
	int fd;
	ssize_t n = 0;

	snprintf(at, sizeof(at), "/proc/%d/comm",
		 thread || !l->process ? (int)l->req->pid : (int)l->process->pid);
	fd = open(at, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, ret, len - 1);
		close(fd);
	}
	ret[n > 0 ? n - (ret[n - 1] == '\n') : 0] = '\0';
}
