/* SPDX-License-Identifier: Apache-2.0 */
#include "calls/apart.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

static _Noreturn void child(const struct apart *s, const struct apart_opts *o, int ctl,
			    pid_t worker)
{
	int high[APART_FD_MORE - APART_FD_CTL + APART_FDS_MAX];
	unsigned n = 0;

	high[n++] = fcntl(ctl, F_DUPFD, 64);
	high[n++] = fcntl(s->bell.fd, F_DUPFD, 64);
	for (unsigned i = 0; i < o->fds_count; i++)
		high[n++] = fcntl(o->fds[i], F_DUPFD, 64);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setsid() < 0 || getppid() != worker)
		_exit(1);
	prctl(PR_SET_NAME, o->name);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (unsigned i = 0; i < n; i++)
		if (high[i] < 0 || dup2(high[i], APART_FD_CTL + (int)i) < 0)
			_exit(1);
	close_range(APART_FD_CTL + n, ~0U, 0);
	o->main(o->arg, s->shared);
	_exit(0);
}

static int start(struct apart *s, const struct apart_opts *o, struct err *e)
{
	cleanup_close int near = -1, far = -1;
	pid_t worker = getpid();
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(e, errno, "socketpair");
	near = sv[0];
	far = sv[1];
	s->pid = fork();
	if (s->pid < 0)
		return err_errno(e, errno, "fork");
	if (s->pid == 0)
		child(s, o, far, worker);
	s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	if (s->pidfd < 0)
		return err_errno(e, errno, "pidfd_open");
	s->ctl = steal_fd(&near);
	return 0;
}

int apart_start(struct apart *s, const struct apart_opts *o, struct err *e)
{
	assert(o->fds_count <= APART_FDS_MAX && o->main);
	s->name = o->name;
	s->shared_bytes = o->shared_bytes;
	s->bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->shared = mmap(NULL, o->shared_bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->shared == MAP_FAILED)
		s->shared = NULL;
	if (s->bell.fd < 0 || !s->shared)
		return err_errno(e, errno, "eventfd or mmap");
	return start(s, o, e);
}

void apart_stop(struct apart *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (s->ctl >= 0)
		close(s->ctl);
	if (s->pidfd >= 0)
		close(s->pidfd);
	if (s->bell.fd >= 0)
		close(s->bell.fd);
	if (s->shared)
		munmap(s->shared, s->shared_bytes);
	*s = (struct apart)APART_NONE;
}

int apart_order(struct apart *s, const void *order, size_t len, const char *what, struct err *e)
{
	int reply;
	ssize_t n = send(s->ctl, order, len, MSG_NOSIGNAL);

	while (n == (ssize_t)len || (n < 0 && errno == EINTR)) {
		n = recv(s->ctl, &reply, sizeof(reply), 0);
		if (n == (ssize_t)sizeof(reply))
			return reply < 0 ? err_errno(e, -reply, "the process \"%s\" refused %s",
						     s->name, what) : reply;
		if (n >= 0)
			break;
		n = errno == EINTR ? (ssize_t)len : n;
	}
	return err_set(e, EPIPE, "the process \"%s\" is gone", s->name);
}

bool apart_alive(const struct apart *s)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

void apart_ring(void)
{
	uint64_t one = 1;

	if (write(APART_FD_BELL, &one, sizeof(one)) < 0)
		return; /* full of rings already: it will be heard */
}

void apart_rung(struct apart *s)
{
	uint64_t rings;

	if (read(s->bell.fd, &rings, sizeof(rings)) < 0)
		return;
}
