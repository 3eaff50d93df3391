/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of a measured link. `probe recv` prints a line for each datagram that arrives:
 * its number, its age in ns (both nodes have the same clock), whether its bytes are whole, when.
 * `probe send` is a script driver: a sale is COUNT datagrams of SIZE bytes, one every GAP_US, to
 * TO (and to ALSO), or with TCP set so many bytes over one connection. Then it waits for the last
 * to arrive.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT "9999"
#define SIZE_MAX_ 1400
#define FILL 0x5a

struct datagram {
	int64_t sent_ns;
	uint32_t number;
	uint8_t fill[SIZE_MAX_ - 12];
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void until(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static long env_number(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtol(text, NULL, 10) : otherwise;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

/* ---- receiving ---- */

static int listening(int type)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(9999) };
	int fd = socket(AF_INET6, type, 0), one = 1, room = 8 << 20;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 8) < 0))
		return -1;
	return fd;
}

static void take_datagram(int fd)
{
	struct datagram d;
	ssize_t n = recv(fd, &d, sizeof(d), 0);
	int64_t at = now();
	int whole = n >= 12;

	for (ssize_t i = 0; i < n - 12; i++)
		whole &= d.fill[i] == FILL;
	if (n >= 12)
		printf("got %" PRIu32 " %" PRId64 " %d %" PRId64 "\n", d.number, at - d.sent_ns,
		       whole, at);
}

static void take_stream(int fd)
{
	int c = accept(fd, NULL, NULL);
	char chunk[65536];
	int64_t sum = 0, began = now();
	ssize_t n;

	while ((n = read(c, chunk, sizeof(chunk))) > 0)
		sum += n;
	printf("stream %" PRId64 " bytes in %" PRId64 " ns\n", sum, now() - began);
	if (write(c, "!", 1) < 0)
		perror("write");
	close(c);
}

static int receive(void)
{
	struct pollfd p[2] = { { .fd = listening(SOCK_DGRAM), .events = POLLIN },
			       { .fd = listening(SOCK_STREAM), .events = POLLIN } };

	if (p[0].fd < 0 || p[1].fd < 0)
		return fail("listening");
	puts("ready");
	fflush(stdout);
	while (poll(p, 2, -1) >= 0 || errno == EINTR) {
		if (p[0].revents)
			take_datagram(p[0].fd);
		if (p[1].revents)
			take_stream(p[1].fd);
		if (poll(p, 1, 100) == 0) /* a quiet moment */
			fflush(stdout);
	}
	return fail("poll");
}

/* ---- sending ---- */

static int connected(const char *to, int type)
{
	struct addrinfo hints = { .ai_socktype = type, .ai_flags = AI_NUMERICHOST }, *a;
	int fd;

	if (getaddrinfo(to, PORT, &hints, &a) != 0)
		return -1;
	fd = socket(a->ai_family, type, 0);
	if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(a);
	return fd;
}

static int sender(const char *to)
{
	int fd = connected(to, SOCK_DGRAM), room = 8 << 20;

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return fd;
}

static int send_datagrams(void)
{
	const char *also = getenv("ALSO");
	int fd[2] = { sender(getenv("TO")), also ? sender(also) : -1 };
	long count = env_number("COUNT", 1000), gap = env_number("GAP_US", 1000);
	long size = env_number("SIZE", 100);
	int64_t next = now();
	struct datagram d;

	if (fd[0] < 0 || (also && fd[1] < 0))
		return fail("connecting");
	memset(d.fill, FILL, sizeof(d.fill));
	for (long i = 0; i < count; i++) {
		if (gap)
			until(next += gap * 1000);
		d.number = (uint32_t)i;
		d.sent_ns = now();
		for (int k = 0; k < 2 && fd[k] >= 0; k++)
			if (send(fd[k], &d, (size_t)(size > SIZE_MAX_ ? SIZE_MAX_ : size), 0) < 0)
				fprintf(stderr, "send %ld: %s\n", i, strerror(errno));
	}
	close(fd[0]);
	if (also)
		close(fd[1]);
	return 0;
}

static int send_stream(long bytes)
{
	static char chunk[65536];
	int fd = connected(getenv("TO"), SOCK_STREAM);
	ssize_t n = 1;

	if (fd < 0)
		return fail("connecting");
	for (; bytes > 0 && n > 0; bytes -= n)
		n = write(fd, chunk, bytes < 65536 ? (size_t)bytes : sizeof(chunk));
	shutdown(fd, SHUT_WR);
	n = read(fd, chunk, 1);
	close(fd);
	return n == 1 ? 0 : fail("the other end");
}

static int drive(void)
{
	char line[65536], *id;
	int r;

	while (fgets(line, sizeof(line), stdin)) {
		id = strstr(line, "\"id\":");
		if (!id)
			continue;
		r = env_number("TCP", 0) ? send_stream(env_number("TCP", 0)) : send_datagrams();
		until(now() + env_number("WAIT_MS", 1500) * 1000000);
		printf("{\"id\":%ld,\"outcome\":\"%s\"}\n", strtol(id + 5, NULL, 10),
		       r == 0 ? "ok" : "unknown");
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "recv"))
		return receive();
	if (argc == 2 && !strcmp(argv[1], "send"))
		return drive();
	fprintf(stderr, "usage: probe recv|send\n");
	return 64;
}
