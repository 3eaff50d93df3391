/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "till.h"

int net_await(int fd, short events, int64_t until)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left = until - mono_ms();
	int rc = poll(&p, 1, until < 0 ? -1 : left > 0 ? (int)left : 0);

	return rc > 0 ? 0 : rc < 0 ? -errno : -ETIMEDOUT;
}

int net_dial(const char *address, int64_t ms)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	char host[128];
	int port, fd, rc;
	char service[16];
	int error = 0;
	socklen_t len = sizeof(error);

	if (sscanf(address, "%127[^:]:%d", host, &port) != 2)
		return -EINVAL;
	snprintf(service, sizeof(service), "%d", port);
	if (getaddrinfo(host, service, &hints, &found))
		return -EHOSTUNREACH;
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 ? -errno : 0;
	if (!rc && connect(fd, found->ai_addr, found->ai_addrlen) && errno != EINPROGRESS)
		rc = -errno;
	if (!rc)
		rc = net_await(fd, POLLOUT, mono_ms() + ms);
	freeaddrinfo(found);
	if (!rc && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error)
		rc = -error;
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}
