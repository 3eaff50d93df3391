/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The last steps before a program of the target runs:
 *
 *   keeper                         main process
 *   clone3(NEWUSER, PIDFD) ──────► waits
 *   writes its uid and gid map
 *   "go" ────────────────────────► becomes its user, own session, default
 *                                  signals, limits, no_new_privs,
 *                                  its filter of system calls, execve
 *   end of file, or what failed ◄─ (the pipe closes on exec)
 */
#include "stage/room.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Enough for any database, and a fork bomb stays a nuisance. */
#define PROCESSES_MAX 4096
#define FILES_SOFT 1024
#define FILES_HARD 524288
#define OOM_SCORE "800"

struct failure {
	int error;
	char what[128];
};

static _Noreturn void fail(int pipe, const char *what, const char *arg)
{
	struct failure f = { .error = errno };

	snprintf(f.what, sizeof(f.what), "%s%s%s", what, arg ? " " : "", arg ? arg : "");
	if (write(pipe, &f, sizeof(f)) < 0)
		_exit(126);
	_exit(127);
}

static void signals_default(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit now;

	if (getrlimit(resource, &now) < 0)
		return;
	if (hard < now.rlim_max)
		now.rlim_max = hard;
	now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
	setrlimit(resource, &now);
}

static void limits(void)
{
	limit(RLIMIT_CORE, 1, 1); /* 0 would still wake a core_pattern that is a pipe; 1 does not */
	limit(RLIMIT_NPROC, PROCESSES_MAX, PROCESSES_MAX);
	limit(RLIMIT_NOFILE, FILES_SOFT, FILES_HARD);
}

/* Should memory run out, the target goes before the harness that has to judge it. */
static void first_to_go(void)
{
	cleanup_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, OOM_SCORE, strlen(OOM_SCORE)) < 0)
		return; /* a comfort */
}

/* A keyring of its own: the inherited one is that of whoever started us, with their keys. */
static int forget_keys(void)
{
	long r = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);

	return r < 0 && errno != ENOSYS && errno != EPERM ? -1 : 0;
}

/* The system calls themselves: the library would try to tell threads that there are not. */
static int become(const struct idmap *m)
{
	if (syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
		return -1;
	if (syscall(SYS_setresgid, m->gid, m->gid, m->gid) < 0)
		return -1;
	return (int)syscall(SYS_setresuid, m->uid, m->uid, m->uid);
}

static bool executable(const char *path)
{
	struct stat st;

	return access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Replaces this process. A name with a slash is taken from /target, others from PATH. */
static void run(const struct order *o)
{
	const char *name = o->argv[0], *path = NULL;
	char full[4096];

	if (strchr(name, '/')) {
		snprintf(full, sizeof(full), "%s%s", *name == '/' ? "" : "/target/", name);
		execve(full, o->argv, o->env);
		return;
	}
	for (size_t i = 0; o->env[i]; i++)
		if (!strncmp(o->env[i], "PATH=", 5))
			path = o->env[i] + 5;
	for (size_t len; path && *path; path += len + (path[len] == ':')) {
		len = strcspn(path, ":");
		snprintf(full, sizeof(full), "%.*s/%s", (int)len, path, name);
		if (executable(full)) {
			execve(full, o->argv, o->env);
			return;
		}
	}
	errno = ENOENT;
}

static _Noreturn void main_process(const struct order *o, const int fds[ORDER_FDS], int sync,
				   struct calls_page *page)
{
	char go;
	int r;

	if (read(sync, &go, 1) != 1)
		_exit(126);
	first_to_go();
	if (forget_keys() < 0)
		fail(sync, "a session keyring of its own", NULL);
	if (become(&o->ids) < 0)
		fail(sync, "becoming its user", NULL);
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	signals_default();
	limits();
	umask(022);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail(sync, "no_new_privs", NULL);
	if (chdir(o->cwd) < 0)
		fail(sync, "entering its folder", o->cwd);
	if (dup2(fds[ORDER_IN], 0) < 0 || dup2(fds[ORDER_OUT], 1) < 0 ||
	    dup2(fds[ORDER_ERR], 2) < 0)
		fail(sync, "dup2", NULL);
	fcntl(sync, F_SETFD, FD_CLOEXEC);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	r = o->filter.bytes ? calls_install(&o->filter, page) : 0;
	if (r < 0) {
		errno = -r;
		fail(sync, "installing its filter of system calls", NULL);
	}
	run(o);
	fail(sync, "running", o->argv[0]);
}

/* The parent's half: maps, go, and wait for exec. */
static int see_off(const struct order *o, const int fds[ORDER_FDS], int sync,
		   struct calls_page *page, struct launched *l)
{
	struct failure f = { 0 };
	ssize_t n;
	int r = userns_map(l->pid, &o->ids);

	if (r < 0) {
		snprintf(l->what, sizeof(l->what), "mapping its user");
		return r;
	}
	if (write(sync, "g", 1) != 1)
		return -EPIPE;
	r = o->filter.bytes ? calls_take(page, l->pidfd, sync, fds[ORDER_CALLS], o->node,
					 o->process) : 0;
	if (r < 0) {
		snprintf(l->what, sizeof(l->what), "taking over the filter of its system calls");
		return r;
	}
	do
		n = read(sync, &f, sizeof(f));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	memcpy(l->what, f.what, sizeof(l->what));
	return n == (ssize_t)sizeof(f) && f.error > 0 ? -f.error : -EIO;
}

int launch(const struct order *o, const int fds[ORDER_FDS], struct launched *ret)
{
	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_PIDFD, .exit_signal = SIGCHLD,
				   .pidfd = (uint64_t)(uintptr_t)&ret->pidfd };
	struct calls_page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int sv[2], r;

	ret->pidfd = -1;
	if (page == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return -errno;
	ret->pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (ret->pid == 0) {
		close(sv[0]);
		main_process(o, fds, sv[1], page);
	}
	close(sv[1]);
	if (ret->pid < 0) {
		r = -errno;
		snprintf(ret->what, sizeof(ret->what), "making its user namespace");
	} else {
		r = see_off(o, fds, sv[0], page, ret);
	}
	close(sv[0]);
	munmap(page, sizeof(*page));
	if (r < 0 && ret->pid > 0) {
		kill(ret->pid, SIGKILL);
		while (waitpid(ret->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return r;
}
