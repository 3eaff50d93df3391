/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pass.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union space {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int) * PASS_MAX)];
};

int pass_send(int sock, const void *data, size_t len, const int *fds, size_t n)
{
	union space space = { .bytes = { 0 } };
	char *copy = (char *)(uintptr_t)data; /* sendmsg does not write to it */
	struct iovec iov = { .iov_base = copy, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	assert(n <= PASS_MAX);
	if (n) {
		space.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
					       .cmsg_len = CMSG_LEN(sizeof(int) * n) };
		memcpy(CMSG_DATA(&space.head), fds, sizeof(int) * n);
		m.msg_control = &space;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Another number than was agreed on: keep none. */
static void drop(const union space *s)
{
	size_t n = (s->head.cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fds[PASS_MAX];

	memcpy(fds, CMSG_DATA(&s->head), sizeof(int) * n);
	while (n > 0)
		close(fds[--n]);
}

ssize_t pass_recv(int sock, void *data, size_t len, int *fds, size_t n, int flags)
{
	union space space = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &space,
			    .msg_controllen = sizeof(space) };
	ssize_t got;

	assert(n <= PASS_MAX);
	memset(fds, 0xff, sizeof(int) * n);
	got = recvmsg(sock, &m, flags | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return -errno;
	if (m.msg_controllen < sizeof(struct cmsghdr) || space.head.cmsg_type != SCM_RIGHTS)
		return got;
	if (space.head.cmsg_len == CMSG_LEN(sizeof(int) * n))
		memcpy(fds, CMSG_DATA(&space.head), sizeof(int) * n);
	else
		drop(&space);
	return got;
}
