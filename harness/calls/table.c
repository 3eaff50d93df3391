/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known about each call. Errors are those of the manual pages that a working program can
 * meet on a bad day: EBADF and EFAULT come from bugs of the program, not from the world, and are
 * "unlikely" for that reason.
 *
 * Not in the table: calls that may be altered neither before nor after (refused, below), and those
 * that nobody would look for on a bad day.
 */
#include "calls/table.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

#define E_READ "EIO EAGAIN EINTR EISDIR ENODEV ENXIO ESTALE ETIMEDOUT ECONNRESET ENOTCONN EOVERFLOW"
#define E_WRITE "EIO ENOSPC EDQUOT EFBIG EAGAIN EINTR EPIPE EROFS ENODEV ENXIO ESTALE ECONNRESET " \
	"ENOTCONN ENETDOWN ENETUNREACH EHOSTUNREACH ETIMEDOUT ENOBUFS ENOMEM"
#define E_SYNC "EIO ENOSPC EDQUOT EROFS EINVAL EINTR ESTALE"
#define E_OPEN "EACCES EPERM EBUSY EDQUOT EEXIST EINTR EIO EISDIR ELOOP EMFILE ENFILE " \
	"ENAMETOOLONG ENODEV ENOENT ENOMEM ENOSPC ENOTDIR ENXIO EROFS ETXTBSY EWOULDBLOCK EAGAIN " \
	"EOVERFLOW ESTALE"
#define E_RECV "EAGAIN ECONNREFUSED ECONNRESET EINTR ENOTCONN ETIMEDOUT ENOMEM ENOBUFS EIO"
#define E_SEND "EAGAIN ECONNRESET EPIPE EINTR ENOTCONN EMSGSIZE ENOBUFS ENOMEM ENETDOWN " \
	"ENETUNREACH EHOSTUNREACH EACCES EPERM EDESTADDRREQ EISCONN ECONNREFUSED ETIMEDOUT EIO"
#define E_CONNECT "EACCES EPERM EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY " \
	"ECONNREFUSED ECONNRESET EINPROGRESS EINTR EISCONN ENETUNREACH EHOSTUNREACH EHOSTDOWN " \
	"ETIMEDOUT ENETDOWN ENOENT ENOBUFS"
#define E_ACCEPT "EAGAIN ECONNABORTED EINTR EMFILE ENFILE ENOBUFS ENOMEM EPERM EPROTO ENETDOWN " \
	"EHOSTUNREACH EINVAL"
#define E_NAME "EACCES EPERM EBUSY EDQUOT EEXIST EIO EISDIR ELOOP EMLINK ENAMETOOLONG ENOENT " \
	"ENOMEM ENOSPC ENOTDIR ENOTEMPTY EROFS EXDEV ESTALE"
#define E_STAT "EACCES EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EOVERFLOW ESTALE"
#define E_MODE "EACCES EPERM EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EROFS EDQUOT ESTALE"
#define E_SIZE "EIO ENOSPC EDQUOT EFBIG EACCES EPERM EINTR EINVAL EISDIR EROFS ETXTBSY ENOENT " \
	"ENODEV EOPNOTSUPP ESTALE"
#define E_LOCK "EAGAIN EACCES EINTR EDEADLK ENOLCK EWOULDBLOCK EMFILE EINVAL EIO"
#define E_WAIT "EINTR ENOMEM EINVAL"
#define E_MEM "ENOMEM EAGAIN EACCES EPERM ENODEV ENFILE EOVERFLOW"
#define E_FORK "EAGAIN ENOMEM"
#define E_FDS "EMFILE ENFILE ENOMEM"
#define E_COPY E_WRITE " EISDIR EINVAL EXDEV EOVERFLOW EOPNOTSUPP ETXTBSY"

const struct calls_call calls_table[] = {
	/* reading and writing */
	{ "read", "read", .fd = 1, .buf = 2, .size = 3, .by = BY_READ, .waits = true,
	  .errors = E_READ },
	{ "pread64", "read", .fd = 1, .buf = 2, .size = 3, .by = BY_PREAD, .waits = true,
	  .errors = E_READ },
	{ "readv", "read", .fd = 1, .vec = 2, .vec_count = 3, .by = BY_READV, .waits = true,
	  .errors = E_READ },
	{ "preadv", "read", .fd = 1, .vec = 2, .vec_count = 3, .by = BY_PREADV, .waits = true,
	  .errors = E_READ },
	{ "preadv2", "read", .fd = 1, .vec = 2, .vec_count = 3, .waits = true, .errors = E_READ },
	{ "write", "write", .fd = 1, .buf = 2, .size = 3, .by = BY_WRITE, .waits = true,
	  .errors = E_WRITE },
	{ "pwrite64", "write", .fd = 1, .buf = 2, .size = 3, .by = BY_PWRITE, .waits = true,
	  .errors = E_WRITE },
	{ "writev", "write", .fd = 1, .vec = 2, .vec_count = 3, .by = BY_WRITEV, .waits = true,
	  .errors = E_WRITE },
	{ "pwritev", "write", .fd = 1, .vec = 2, .vec_count = 3, .by = BY_PWRITEV, .waits = true,
	  .errors = E_WRITE },
	{ "pwritev2", "write", .fd = 1, .vec = 2, .vec_count = 3, .waits = true,
	  .errors = E_WRITE },
	{ "sendfile", "sendfile", .fd = 1, .size = 4, .waits = true, .errors = E_WRITE },
	{ "splice", "splice", .fd = 1, .size = 5, .waits = true, .errors = E_WRITE },
	{ "copy_file_range", "copy_file_range", .fd = 3, .size = 5, .errors = E_COPY },
	{ "lseek", "lseek", .fd = 1, .errors = "EINVAL ENXIO EOVERFLOW ESPIPE" },
	{ "fsync", "fsync", .fd = 1, .by = BY_FD, .errors = E_SYNC },
	{ "fdatasync", "fsync", .fd = 1, .by = BY_FD, .errors = E_SYNC },
	{ "sync_file_range", "sync_file_range", .fd = 1, .by = BY_FD, .errors = E_SYNC },
	{ "syncfs", "syncfs", .fd = 1, .by = BY_FD, .errors = E_SYNC },
	{ "sync", "sync", .errors = "" },
	{ "msync", "msync", .errors = "EIO ENOMEM EBUSY EINVAL" },
	{ "ftruncate", "truncate", .fd = 1, .by = BY_FD, .errors = E_SIZE },
	{ "truncate", "truncate", .path = 1, .errors = E_SIZE },
	{ "fallocate", "fallocate", .fd = 1, .by = BY_FD, .errors = E_SIZE },
	{ "flock", "flock", .fd = 1, .waits = true, .errors = E_LOCK },
	{ "fcntl", "fcntl", .fd = 1, .waits = true, .errors = E_LOCK },
	{ "ioctl", "ioctl", .fd = 1, .waits = true,
	  .errors = "EIO ENODEV ENXIO ENOTTY EINVAL EBUSY EINTR EAGAIN EPERM EACCES ETIMEDOUT "
		    "EPROTO EPIPE ENOMEM EOVERFLOW" },
	/* names of files */
	{ "open", "open", .path = 1, .waits = true, .errors = E_OPEN },
	{ "openat", "open", .dir = 1, .path = 2, .waits = true, .errors = E_OPEN },
	{ "openat2", "open", .dir = 1, .path = 2, .waits = true, .errors = E_OPEN },
	{ "creat", "open", .path = 1, .waits = true, .errors = E_OPEN },
	{ "close", "close", .fd = 1, .errors = "" },
	{ "unlink", "unlink", .path = 1, .errors = E_NAME },
	{ "unlinkat", "unlink", .dir = 1, .path = 2, .errors = E_NAME },
	{ "rmdir", "rmdir", .path = 1, .errors = E_NAME },
	{ "rename", "rename", .path = 1, .errors = E_NAME },
	{ "renameat", "rename", .dir = 1, .path = 2, .errors = E_NAME },
	{ "renameat2", "rename", .dir = 1, .path = 2, .errors = E_NAME },
	{ "mkdir", "mkdir", .path = 1, .errors = E_NAME },
	{ "mkdirat", "mkdir", .dir = 1, .path = 2, .errors = E_NAME },
	{ "link", "link", .path = 1, .errors = E_NAME },
	{ "linkat", "link", .dir = 1, .path = 2, .errors = E_NAME },
	{ "symlink", "symlink", .path = 2, .errors = E_NAME },
	{ "symlinkat", "symlink", .dir = 2, .path = 3, .errors = E_NAME },
	{ "readlink", "readlink", .path = 1, .errors = E_STAT " EINVAL" },
	{ "readlinkat", "readlink", .dir = 1, .path = 2, .errors = E_STAT " EINVAL" },
	{ "mknod", "mknod", .path = 1, .errors = E_NAME },
	{ "mknodat", "mknod", .dir = 1, .path = 2, .errors = E_NAME },
	{ "access", "access", .path = 1, .errors = E_STAT " EROFS EPERM ETXTBSY" },
	{ "faccessat", "access", .dir = 1, .path = 2, .errors = E_STAT " EROFS EPERM ETXTBSY" },
	{ "faccessat2", "access", .dir = 1, .path = 2, .errors = E_STAT " EROFS EPERM ETXTBSY" },
	{ "stat", "stat", .path = 1, .errors = E_STAT },
	{ "lstat", "stat", .path = 1, .errors = E_STAT },
	{ "fstat", "stat", .fd = 1, .errors = E_STAT },
	{ "newfstatat", "stat", .dir = 1, .path = 2, .errors = E_STAT },
	{ "statx", "stat", .dir = 1, .path = 2, .errors = E_STAT },
	{ "statfs", "statfs", .path = 1, .errors = E_STAT " EINTR ENOSYS" },
	{ "fstatfs", "statfs", .fd = 1, .errors = E_STAT " EINTR ENOSYS" },
	{ "getdents64", "getdents", .fd = 1, .size = 3, .errors = "EIO ENOENT ENOTDIR ESTALE" },
	{ "chmod", "chmod", .path = 1, .errors = E_MODE },
	{ "fchmod", "chmod", .fd = 1, .by = BY_FD, .errors = E_MODE },
	{ "fchmodat", "chmod", .dir = 1, .path = 2, .errors = E_MODE },
	{ "chown", "chown", .path = 1, .errors = E_MODE },
	{ "fchown", "chown", .fd = 1, .errors = E_MODE },
	{ "fchownat", "chown", .dir = 1, .path = 2, .errors = E_MODE },
	{ "utimensat", "utimensat", .dir = 1, .path = 2, .errors = E_MODE },
	{ "chdir", "chdir", .path = 1, .errors = E_STAT },
	{ "inotify_add_watch", "inotify_add_watch", .path = 2, .errors = E_STAT " ENOSPC" },
	/* the network */
	{ "socket", "socket", .errors = "EACCES EAFNOSUPPORT EMFILE ENFILE ENOBUFS ENOMEM "
	  "EPROTONOSUPPORT EINVAL" },
	{ "socketpair", "socketpair", .errors = E_FDS " EAFNOSUPPORT EOPNOTSUPP" },
	{ "connect", "connect", .fd = 1, .addr = 2, .addr_len = 3, .by = BY_CONNECT, .waits = true,
	  .errors = E_CONNECT },
	{ "bind", "bind", .fd = 1, .addr = 2, .addr_len = 3,
	  .errors = "EACCES EADDRINUSE EADDRNOTAVAIL EINVAL ENOENT ENOMEM EROFS EIO" },
	{ "listen", "listen", .fd = 1, .errors = "EADDRINUSE EOPNOTSUPP EINVAL" },
	{ "accept", "accept", .fd = 1, .waits = true, .errors = E_ACCEPT },
	{ "accept4", "accept", .fd = 1, .waits = true, .errors = E_ACCEPT },
	{ "recvfrom", "recv", .fd = 1, .buf = 2, .size = 3, .by = BY_RECVFROM, .waits = true,
	  .errors = E_RECV },
	{ "recvmsg", "recv", .fd = 1, .msg = 2, .by = BY_RECVMSG, .waits = true,
	  .errors = E_RECV " EMFILE" },
	{ "recvmmsg", "recv", .fd = 1, .waits = true, .errors = E_RECV },
	{ "sendto", "send", .fd = 1, .buf = 2, .size = 3, .addr = 5, .addr_len = 6,
	  .by = BY_SENDTO, .waits = true, .errors = E_SEND },
	{ "sendmsg", "send", .fd = 1, .msg = 2, .by = BY_SENDMSG, .waits = true,
	  .errors = E_SEND " ETOOMANYREFS" },
	{ "sendmmsg", "send", .fd = 1, .waits = true, .errors = E_SEND },
	{ "shutdown", "shutdown", .fd = 1, .by = BY_FD, .errors = "ENOTCONN" },
	{ "getsockopt", "getsockopt", .fd = 1, .errors = "EINVAL ENOPROTOOPT ENOMEM" },
	{ "setsockopt", "setsockopt", .fd = 1, .errors = "EDOM EINVAL ENOPROTOOPT ENOMEM ENOBUFS "
	  "EPERM EISCONN" },
	/* waiting */
	{ "poll", "poll", .waits = true, .errors = E_WAIT },
	{ "ppoll", "poll", .waits = true, .errors = E_WAIT },
	{ "select", "poll", .waits = true, .errors = E_WAIT },
	{ "pselect6", "poll", .waits = true, .errors = E_WAIT },
	{ "epoll_wait", "poll", .fd = 1, .waits = true, .errors = "EINTR" },
	{ "epoll_pwait", "poll", .fd = 1, .waits = true, .errors = "EINTR" },
	{ "epoll_pwait2", "poll", .fd = 1, .waits = true, .errors = "EINTR" },
	{ "epoll_ctl", "epoll_ctl", .fd = 1, .errors = "ENOMEM ENOSPC EEXIST ENOENT ELOOP EPERM" },
	{ "nanosleep", "nanosleep", .waits = true, .errors = "EINTR" },
	{ "clock_nanosleep", "nanosleep", .waits = true, .errors = "EINTR" },
	{ "wait4", "wait", .waits = true, .errors = "ECHILD EINTR" },
	{ "waitid", "wait", .waits = true, .errors = "ECHILD EINTR" },
	/* memory, processes, descriptors */
	{ "mmap", "mmap", .errors = E_MEM " EINVAL ETXTBSY" },
	{ "munmap", "munmap", .errors = "ENOMEM EINVAL" },
	{ "mremap", "mremap", .errors = E_MEM },
	{ "mprotect", "mprotect", .errors = "ENOMEM EACCES" },
	{ "mlock", "mlock", .errors = "ENOMEM EAGAIN EPERM" },
	{ "madvise", "madvise", .errors = "ENOMEM EAGAIN EINVAL EIO" },
	{ "brk", "brk", .errors = "ENOMEM" },
	{ "fork", "fork", .errors = E_FORK },
	{ "vfork", "fork", .errors = E_FORK },
	{ "clone", "fork", .errors = E_FORK },
	{ "clone3", "fork", .errors = E_FORK " ENOSYS" },
	{ "kill", "kill", .errors = "EPERM ESRCH" },
	{ "dup", "dup", .fd = 1, .errors = "EMFILE" },
	{ "dup2", "dup", .fd = 1, .errors = "EMFILE EBUSY EINTR" },
	{ "dup3", "dup", .fd = 1, .errors = "EMFILE EBUSY EINTR" },
	{ "pipe", "pipe", .errors = E_FDS },
	{ "pipe2", "pipe", .errors = E_FDS },
	{ "eventfd2", "eventfd2", .errors = E_FDS " ENODEV" },
	{ "epoll_create1", "epoll_create1", .errors = E_FDS },
	{ "timerfd_create", "timerfd_create", .errors = E_FDS " ENODEV" },
	{ "memfd_create", "memfd_create", .errors = E_FDS },
	{ "inotify_init1", "inotify_init1", .errors = "EMFILE ENFILE ENOMEM" },
	{ "getrandom", "getrandom", .buf = 1, .size = 2, .waits = true,
	  .errors = "EAGAIN EINTR ENOSYS" },
	{ "shmget", "shmget", .errors = "EACCES EEXIST EINVAL ENFILE ENOENT ENOMEM ENOSPC" },
	{ "shmat", "shmat", .errors = "EACCES EINVAL ENOMEM EIDRM" },
	{ "semop", "semop", .waits = true, .errors = "EAGAIN EINTR EIDRM E2BIG ENOMEM ERANGE" },
	{ "mq_timedsend", "mq_send", .fd = 1, .size = 3, .waits = true,
	  .errors = "EAGAIN EINTR EMSGSIZE ETIMEDOUT ENOMEM" },
	{ "mq_timedreceive", "mq_receive", .fd = 1, .size = 3, .waits = true,
	  .errors = "EAGAIN EINTR EMSGSIZE ETIMEDOUT" },
};
const unsigned calls_count = ARRAY_SIZE(calls_table);
_Static_assert(ARRAY_SIZE(calls_table) <= CALLS_MAX, "a set has a bit for each row");

static const char vdso[] = "it is answered without a system call (by the vDSO), so there is "
			   "nothing to hold; faults on clocks alter what a clock says";
static const char exec[] = "it replaces the program that waits for it, and starts every service: "
			   "let a program's open, mmap or fork fail instead";
static const char end[] = "nothing comes back from it that could be altered";
static const char lock[] = "every lock of every thread is made of it: a program that is held there "
			   "or hears an error stops for good, which no kernel does to it";
static const char libc[] = "it sets up a thread or a signal and cannot fail for a working program; "
			   "the C library does not look whether it did";

static const struct {
	const char *name, *why;
} refused[] = {
	{ "execve", exec },          { "execveat", exec },
	{ "exit", end },             { "exit_group", end },
	{ "rt_sigreturn", "a handler's return: held there, the thread has no registers" },
	{ "restart_syscall", "it goes on with a call that was interrupted: name that call" },
	{ "futex", lock },           { "futex_wait", lock },
	{ "futex_wake", lock },      { "futex_waitv", lock },
	{ "futex_requeue", lock },   { "rt_sigaction", libc },
	{ "rt_sigprocmask", libc },  { "sigaltstack", libc },
	{ "set_robust_list", libc }, { "set_tid_address", libc },
	{ "arch_prctl", libc },      { "rseq", libc },
	{ "clock_gettime", vdso },   { "gettimeofday", vdso },
	{ "time", vdso },            { "getcpu", vdso },
	{ "seccomp", "filters are how calls are seen at all" },
	{ "ptrace", "a debugger's own: it would see the call that is held" },
	{ "io_uring_setup", "io_uring is denied (ENOSYS) to whatever faults on calls look at" },
	{ "io_uring_enter", "io_uring is denied (ENOSYS) to whatever faults on calls look at" },
};

int calls_index(const char *name)
{
	for (unsigned i = 0; i < calls_count; i++)
		if (str_eq(calls_table[i].name, name))
			return (int)i;
	return -1;
}

static void add(struct calls_set *set, unsigned i)
{
	set->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

/* "write()": that call and no other. */
static int one_word(const char *word, size_t len, struct calls_set *set)
{
	for (unsigned i = 0; i < calls_count; i++)
		if (strlen(calls_table[i].name) == len - 2 &&
		    !strncmp(calls_table[i].name, word, len - 2)) {
			add(set, i);
			return 0;
		}
	return -ENOENT;
}

int calls_word(const char *word, struct calls_set *set, const char **ret_why)
{
	size_t len = strlen(word);
	int i, r = -ENOENT;

	*ret_why = NULL;
	for (size_t k = 0; k < ARRAY_SIZE(refused); k++) {
		size_t n = strlen(refused[k].name);

		if (!strncmp(word, refused[k].name, n) && (!word[n] || str_eq(word + n, "()"))) {
			*ret_why = refused[k].why;
			return -EPERM;
		}
	}
	if (len > 2 && str_eq(word + len - 2, "()"))
		return one_word(word, len, set);
	for (unsigned k = 0; k < calls_count; k++)
		if (str_eq(calls_table[k].family, word)) {
			add(set, k);
			r = 0;
		}
	i = r < 0 ? calls_index(word) : -1;
	if (i >= 0) {
		add(set, (unsigned)i);
		r = 0;
	}
	return r;
}

/* ---- names ---- */

static const char *words[2 * CALLS_MAX], *errnos[256];
static size_t words_count, errnos_count;
static pthread_once_t names_once = PTHREAD_ONCE_INIT;

static void names_fill(void)
{
	for (unsigned i = 0; i < calls_count; i++) {
		const struct calls_call *c = &calls_table[i];

		words[words_count++] = c->name;
		if (!str_eq(c->name, c->family) &&
		    !(i && str_eq(c->family, calls_table[i - 1].family)))
			words[words_count++] = c->family;
	}
	for (int e = 1; e < 256; e++)
		if (strerrorname_np(e))
			errnos[errnos_count++] = strerrorname_np(e);
}

const char *const *calls_words(size_t *ret_count)
{
	pthread_once(&names_once, names_fill);
	*ret_count = words_count;
	return words;
}

const char *const *calls_errnos(size_t *ret_count)
{
	pthread_once(&names_once, names_fill);
	*ret_count = errnos_count;
	return errnos;
}

int calls_errno(const char *name)
{
	static const struct {
		const char *name;
		int value;
	} also[] = { { "EWOULDBLOCK", EWOULDBLOCK }, { "EDEADLOCK", EDEADLOCK },
		     { "ENOTSUP", ENOTSUP } };

	for (size_t i = 0; i < ARRAY_SIZE(also); i++)
		if (str_eq(name, also[i].name))
			return also[i].value;
	for (int e = 1; e < 256; e++)
		if (str_eq(strerrorname_np(e), name))
			return e;
	return 0;
}

bool calls_can_fail(const struct calls_call *c, const char *name)
{
	int wanted = calls_errno(name);
	const char *p = c->errors;
	char one[24];

	while (*p) {
		size_t len = strcspn(p, " ");

		if (len < sizeof(one)) {
			memcpy(one, p, len);
			one[len] = '\0';
			if (calls_errno(one) == wanted)
				return true;
		}
		p += len + (p[len] == ' ');
	}
	return false;
}
