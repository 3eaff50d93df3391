/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The filter must be installed by the service's own process, before its
 * program runs; the listener must get out of it, to the supervisor. From the moment the filter is
 * there any call that it asks about would wait for a supervisor that has no listener yet, sending
 * a message too. So the two sides speak through a page of shared memory and futexes, which are
 * never asked about:
 *
 *   child                                keeper
 *   seccomp(NEW_LISTENER) = fd
 *   page.fd = fd, wake ────────────────► pidfd_getfd(child, fd)
 *                                        listener ──► the supervisor's door
 *   exec ◄────────────────── wake, page.taken = 1
 *   (the descriptor is close-on-exec)
 */
#include "calls/room.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pass.h"

#define LOOK_AGAIN_MS 20
#define TAKE_WITHIN_NS (10 * NS_PER_S)

static void futex_wait(int32_t *at, int32_t value)
{
	const struct timespec t = { .tv_nsec = LOOK_AGAIN_MS * NS_PER_MS };

	syscall(SYS_futex, at, FUTEX_WAIT, value, &t, NULL, 0);
}

static void futex_wake(int32_t *at)
{
	syscall(SYS_futex, at, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static int install(const struct sock_fprog *prog, int32_t *ret_killable)
{
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			  SECCOMP_FILTER_FLAG_NEW_LISTENER |
			  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, prog);

	*ret_killable = fd >= 0;
	if (fd < 0 && errno == EINVAL) /* before Linux 5.19 */
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			     SECCOMP_FILTER_FLAG_NEW_LISTENER, prog);
	return fd < 0 ? -errno : (int)fd;
}

int calls_install(const struct calls_program *p, struct calls_page *page)
{
	const struct sock_fprog prog = {
		.len = (unsigned short)(p->bytes / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)(uintptr_t)p->code,
	};
	int fd = install(&prog, &page->killable);

	if (fd < 0)
		return fd;
	__atomic_store_n(&page->fd, fd, __ATOMIC_RELEASE);
	futex_wake(&page->fd);
	while (!__atomic_load_n(&page->taken, __ATOMIC_ACQUIRE))
		futex_wait(&page->taken, 0); /* a keeper that dies takes us along */
	return 0;
}

static int await(struct calls_page *page, int failing)
{
	int64_t by = clock_now() + TAKE_WITHIN_NS;
	int fd;

	while (!(fd = __atomic_load_n(&page->fd, __ATOMIC_ACQUIRE))) {
		struct pollfd p = { .fd = failing, .events = POLLIN };

		if (poll(&p, 1, 0) > 0)
			return 0;
		if (clock_now() > by)
			return -ETIMEDOUT;
		futex_wait(&page->fd, 0);
	}
	return fd;
}

int calls_take(struct calls_page *page, int pidfd, int failing, int door, unsigned node,
	       const char *process)
{
	struct calls_arrival a = { .node = node };
	cleanup_close int listener = -1;
	int fd = await(page, failing), fds[ARRIVAL_FDS], r;

	if (fd <= 0)
		return fd;
	listener = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (listener < 0)
		return -errno;
	a.killable = (uint32_t)page->killable;
	snprintf(a.process, sizeof(a.process), "%s", process);
	fds[ARRIVAL_LISTENER] = listener;
	fds[ARRIVAL_PIDFD] = pidfd;
	r = pass_send(door, &a, sizeof(a), fds, ARRIVAL_FDS);
	if (r < 0)
		return r;
	__atomic_store_n(&page->taken, 1, __ATOMIC_RELEASE);
	futex_wake(&page->taken);
	return 0;
}
