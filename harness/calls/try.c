/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: a child whose fsync is made to fail, by the way that services go. */
#include "calls/room.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/pass.h"

#define TRY_WITHIN_MS 5000

static _Noreturn void victim(const struct calls_program *p, struct calls_page *page, int failing)
{
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	r = calls_install(p, page);
	if (r < 0) {
		r = write(failing, "x", 1) == 1 ? -r : EIO;
		_exit(r < 100 ? r : 100);
	}
	syscall(SYS_exit_group, fsync(0) < 0 && errno == EIO ? 0 : 101);
	_exit(101);
}

/* One notification, answered by EIO. */
static int answer_one(int door, char *words, size_t len)
{
	uint64_t flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
	struct {
		struct seccomp_notif n;
		char more[256];
	} req = { .n = { 0 } };
	struct seccomp_notif_resp resp = { .error = -EIO };
	struct calls_arrival a;
	int fds[ARRIVAL_FDS];
	struct pollfd p = { .events = POLLIN };
	int r = 0;

	if (pass_recv(door, &a, sizeof(a), fds, ARRIVAL_FDS, MSG_DONTWAIT) != (ssize_t)sizeof(a))
		return -EPROTO;
	p.fd = fds[ARRIVAL_LISTENER];
	snprintf(words, len, "made an fsync fail%s",
		 ioctl(p.fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags) == 0 ? "" :
		 "; without the quick hand-over of Linux 6.6, some 30 us a call");
	if (poll(&p, 1, TRY_WITHIN_MS) <= 0)
		r = -ETIMEDOUT;
	else if (ioctl(p.fd, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0)
		r = -errno;
	resp.id = req.n.id;
	if (r == 0 && ioctl(p.fd, SECCOMP_IOCTL_NOTIF_SEND, &resp) < 0)
		r = -errno;
	close(fds[ARRIVAL_LISTENER]);
	close(fds[ARRIVAL_PIDFD]);
	return r;
}

static int try_with(const struct calls_program *prog, struct calls_page *page, char *words,
		    size_t len, struct err *e)
{
	int failing[2], door[2], status = 0, pidfd, r = -errno;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, door) < 0)
		return err_errno(e, errno, "socketpair");
	if (pipe(failing) < 0 || (pid = fork()) < 0)
		return err_errno(e, errno, "fork");
	if (pid == 0)
		victim(prog, page, failing[1]);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	r = calls_take(page, pidfd, failing[0], door[1], 0, "doctor");
	if (r == 0)
		r = answer_one(door[0], words, len);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	for (int i = 0; i < 2; i++) {
		close(failing[i]);
		close(door[i]);
	}
	close(pidfd);
	if (WIFEXITED(status) && WEXITSTATUS(status) > 0 && WEXITSTATUS(status) < 100)
		return err_errno(e, WEXITSTATUS(status), "installing a filter that notifies");
	if (r < 0)
		return err_errno(e, -r, "answering for a system call");
	return status == 0 ? 0 : err_set(e, EPROTO, "an fsync that was to fail did not");
}

int calls_try(char *ret_words, size_t len, struct err *e)
{
	struct calls_watch w = { .nodes = { 1 } };
	struct calls_page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct calls_program prog;
	const char *why;
	int r;

	if (page == MAP_FAILED)
		return err_errno(e, errno, "mmap");
	calls_word("fsync", &w.calls, &why);
	r = filter_make(&w, 1, 0, "doctor/doctor", &prog, e);
	if (r == 0)
		r = try_with(&prog, page, ret_words, len, e);
	free((void *)(uintptr_t)prog.code);
	munmap(page, sizeof(*page));
	return r;
}
