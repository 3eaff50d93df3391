/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. PID 1 of a node. It is forked from the worker (no exec:
 * the whole configuration is already in memory), builds the root, says so, and
 * from then on turns orders into keepers and reaps. It holds nothing open but
 * its socket: end of file there means that the worker is gone, and with PID 1
 * the kernel takes every process of the node down.
 *
 * A keeper that dies by a signal (a service running under our own id could
 * kill it) leaves orphans to init: they are killed, for nobody owns them.
 */
#include "stage/room.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define KEEPERS_MAX 1024

enum { FD_CTL = 3, FD_NET, FD_SIGNALS };

struct init {
	pid_t keeper[KEEPERS_MAX];
	size_t count;
};

static int to(int fd, int want)
{
	return fd < 0 || dup2(fd, want) < 0 ? -errno : 0;
}

/* Keep the socket and the network namespace, close all else, silence stdio. */
static int tidy_fds(const struct stage_node *n, int ctl)
{
	int high_ctl = fcntl(ctl, F_DUPFD, 64), high_net = fcntl(n->net, F_DUPFD, 64);
	int null = fcntl(n->st->null, F_DUPFD, 64);

	if (to(high_ctl, FD_CTL) < 0 || to(high_net, FD_NET) < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++)
		if (to(null, fd) < 0)
			return -errno;
	close_range(FD_NET + 1, ~0U, 0);
	fcntl(FD_CTL, F_SETFD, FD_CLOEXEC);
	return 0;
}

static int signals_open(void)
{
	sigset_t set;
	int fd;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 || fd == FD_SIGNALS ? fd : to(fd, FD_SIGNALS);
}

/* System V's shared memory outlives its makers: as much as in a tmpfs, and no more. */
static void bound_shm(const struct stage_node *n)
{
	cleanup_close int fd = open("/proc/sys/kernel/shmall", O_WRONLY | O_CLOEXEC);
	char pages[32];

	snprintf(pages, sizeof(pages), "%lld",
		 (long long)(node_share(n) / sysconf(_SC_PAGESIZE)));
	if (fd >= 0 && write(fd, pages, strlen(pages)) < 0)
		return; /* an old kernel: only the host's root may */
}

static int enter(struct stage_node *n, struct err *e)
{
	bound_shm(n);
	if (setns(FD_NET, CLONE_NEWNET) < 0)
		return err_errno(e, errno, "entering its network");
	close(FD_NET);
	if (sethostname(n->conf->name, strlen(n->conf->name)) < 0)
		return err_errno(e, errno, "setting the hostname");
	return root_build(n, e);
}

/* ---- keepers ---- */

static bool known(const struct init *in, pid_t pid)
{
	for (size_t i = 0; i < in->count; i++)
		if (in->keeper[i] == pid)
			return true;
	return false;
}

static void forget(struct init *in, pid_t pid)
{
	for (size_t i = 0; i < in->count; i++)
		if (in->keeper[i] == pid)
			in->keeper[i] = in->keeper[--in->count];
}

static void kill_orphans(const struct init *in)
{
	struct tree t = { 0 };

	tree_children(&t, getpid());
	for (size_t i = 0; i < t.count; i++) {
		if (known(in, t.pid[i]))
			continue;
		kill(t.pid[i], SIGKILL);
		tree_signal(t.pid[i], 0, SIGKILL);
	}
	tree_done(&t);
}

static void reap(struct init *in)
{
	struct signalfd_siginfo info;
	bool orphans = false;
	int status;
	pid_t pid;

	while (read(FD_SIGNALS, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		orphans |= known(in, pid) && !WIFEXITED(status);
		forget(in, pid);
	}
	if (orphans)
		kill_orphans(in);
}

static void obey(struct init *in)
{
	struct order o = { 0 };
	int fds[ORDER_FDS];
	struct order_mem mem = { 0 };
	int r = order_recv(FD_CTL, &o, fds, &mem);
	pid_t pid;

	if (r == -EINTR)
		return;
	if (r <= 0)
		_exit(0);
	pid = in->count < KEEPERS_MAX ? fork() : -1;
	if (pid == 0) {
		close(FD_CTL);
		close(FD_SIGNALS);
		keeper_main(&o, fds);
	}
	if (pid > 0)
		in->keeper[in->count++] = pid;
	for (int i = 0; i < ORDER_FDS; i++)
		close(fds[i]); /* without a keeper the worker sees end of file */
	order_mem_done(&mem);
}

_Noreturn void init_main(struct stage_node *n, int ctl)
{
	struct init in = { .count = 0 };
	struct err e = { 0 };
	int r;

	prctl(PR_SET_NAME, "init");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	umask(022);
	r = tidy_fds(n, ctl);
	if (r == 0)
		r = signals_open();
	if (r < 0)
		err_errno(&e, -r, "preparing init");
	else
		enter(n, &e);
	if (send(FD_CTL, &e, sizeof(e), MSG_NOSIGNAL) < 0 || e.code)
		_exit(1);
	for (;;) {
		struct pollfd p[2] = { { .fd = FD_CTL, .events = POLLIN },
				       { .fd = FD_SIGNALS, .events = POLLIN } };

		poll(p, 2, -1);
		if (p[1].revents)
			reap(&in);
		if (p[0].revents)
			obey(&in);
	}
}
