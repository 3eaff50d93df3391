/* SPDX-License-Identifier: Apache-2.0 */
#include "base/beside.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/point.h"

/* All of them are moved out of the way first: each may lie where another has to go. */
static void keep_fds(int ctl, const struct beside_opts *o)
{
	int high[BESIDE_FDS_MAX + 1], count = (int)o->fds_count + 1;

	for (int i = 0; i < count; i++)
		high[i] = fcntl(i ? o->fds[i - 1] : ctl, F_DUPFD, BESIDE_FD_CTL + count);
	for (int i = 0; i < count; i++)
		if (high[i] < 0 || dup2(high[i], BESIDE_FD_CTL + i) < 0)
			_exit(1);
	close_range((unsigned)(BESIDE_FD_CTL + count), ~0U, 0);
}

static _Noreturn void child(const struct beside_opts *o, int ctl, pid_t worker)
{
	static const int deaf_to[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setsid() < 0 || getppid() != worker)
		_exit(1);
	prctl(PR_SET_NAME, o->name);
	for (size_t i = 0; i < sizeof(deaf_to) / sizeof(*deaf_to); i++)
		signal(deaf_to[i], SIG_IGN);
	keep_fds(ctl, o);
	o->main(o->arg);
	_exit(0);
}

int beside_fork(struct beside *ret, const struct beside_opts *o, struct err *e)
{
	cleanup_close int near = -1, far = -1;
	pid_t worker = getpid();
	int sv[2];

	assert(o->fds_count <= BESIDE_FDS_MAX && o->main);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(e, errno, "socketpair");
	near = sv[0];
	far = sv[1];
	ret->pid = point_fails(POINT_FORK) ? -1 : fork();
	if (ret->pid < 0)
		return err_errno(e, errno, "fork");
	if (ret->pid == 0)
		child(o, far, worker);
	ret->pidfd = (int)syscall(SYS_pidfd_open, ret->pid, 0);
	if (ret->pidfd < 0)
		return err_errno(e, errno, "pidfd_open");
	ret->ctl = steal_fd(&near);
	return 0;
}

void beside_end(struct beside *b)
{
	if (b->pid > 0) {
		kill(b->pid, SIGKILL);
		while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (b->ctl >= 0)
		close(b->ctl);
	if (b->pidfd >= 0)
		close(b->pidfd);
	*b = (struct beside)BESIDE_NONE;
}

bool beside_alive(const struct beside *b)
{
	struct pollfd p = { .fd = b->pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}
