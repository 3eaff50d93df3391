/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkout PORT BLOCKS MINE NEXT: one cashier without human times at a lane's API.
 *
 * Each checkout is three scans, the total and the payment, over one connection
 * that stays open; its time is taken from the first byte sent to the last
 * byte of the payment's answer. A block is BLOCK checkouts, of which the first
 * few are warming up. Before each block the cashier takes a byte from the FIFO
 * MINE, and afterwards it puts one into NEXT: so several of them, each at a till of
 * its own, take turns every few milliseconds and meet the same weather. Prints
 * the median of each block at the end:
 *
 *   checkout block 812345
 *   checkout done
 *
 * It does nothing but send, receive and look at the clock, so that what it
 * measures is the till and the way there. The same program runs bare and as a
 * service on a node; see checkout.sh.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define SCANS 3
#define BLOCK 40
#define WARMING 8
#define TURN_MS_MAX 60000
#define BLOCKS_MAX 1000

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int till_connect(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* The whole answer, as text; exits on anything but a success with a length. */
static void answer(int fd, char *text, size_t size)
{
	size_t len = 0, want = 0;

	do {
		ssize_t n = recv(fd, text + len, size - 1 - len, 0);
		char *body, *length;

		if (n <= 0)
			die("recv");
		len += (size_t)n;
		text[len] = '\0';
		body = strstr(text, "\r\n\r\n");
		length = strcasestr(text, "\r\ncontent-length:");
		if (body && length && length < body)
			want = (size_t)(body + 4 - text) + strtoul(length + 17, NULL, 10);
		else if (body)
			die("an answer without a length");
	} while (!want || len < want);
	if (strncmp(text, "HTTP/1.1 20", 11)) {
		fprintf(stderr, "%s\n", text);
		exit(1);
	}
}

static void ask(int fd, const char *method, const char *path, const char *json, char *text,
		size_t size)
{
	char head[1024];
	int n = snprintf(head, sizeof(head),
			 "%s %s HTTP/1.1\r\nHost: till\r\nContent-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n%s", method, path, strlen(json), json);

	if (send(fd, head, (size_t)n, MSG_NOSIGNAL) != n)
		die("send");
	answer(fd, text, size);
}

static void checkout(int fd, int number)
{
	char path[128], json[128], text[8192], *total;

	for (int i = 0; i < SCANS; i++) {
		snprintf(path, sizeof(path), "/sales/B%d-%d/lines", getpid(), number);
		snprintf(json, sizeof(json), "{\"sku\":\"400000%d\",\"qty\":\"1\",\"line\":\"%d\"}",
			 i + 1, i + 1);
		ask(fd, "POST", path, json, text, sizeof(text));
	}
	snprintf(path, sizeof(path), "/sales/B%d-%d/total", getpid(), number);
	ask(fd, "GET", path, "", text, sizeof(text));
	total = strstr(text, "\"total\":");
	if (!total)
		die("no total");
	snprintf(path, sizeof(path), "/sales/B%d-%d/pay", getpid(), number);
	snprintf(json, sizeof(json), "{\"tender\":\"cash\",\"amount\":\"%ld\"}",
		 strtol(total + 8, NULL, 10));
	ask(fd, "POST", path, json, text, sizeof(text));
	if (strstr(text, "\"offline\":true"))
		die("sold offline: the store was not asked");
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* The median of a block of checkouts, but for those that warm up. */
static int64_t block(int fd, int number)
{
	int64_t took[BLOCK];

	for (int i = 0; i < BLOCK; i++) {
		int64_t begun = clock_now();

		checkout(fd, number * BLOCK + i);
		took[i] = clock_now() - begun;
	}
	qsort(took + WARMING, BLOCK - WARMING, sizeof(*took), by_size);
	return took[WARMING + (BLOCK - WARMING) / 2];
}

/* Both ends at once: neither opening nor a neighbour that has left ever blocks or fails. */
static int fifo_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

static void turn_await(int fd)
{
	struct pollfd f = { .fd = fd, .events = POLLIN };
	char c;

	if (poll(&f, 1, TURN_MS_MAX) != 1 || read(fd, &c, 1) != 1)
		die("no turn came");
}

static void turn_pass(int fd)
{
	if (write(fd, "", 1) != 1)
		die("the turn cannot be passed on");
}

int main(int argc, char **argv)
{
	int port = argc == 5 ? atoi(argv[1]) : 0, count = argc == 5 ? atoi(argv[2]) : 0;
	int fd, mine, next;
	int64_t medians[BLOCKS_MAX];
	char text[8192];

	if (port <= 0 || count < 1 || count > BLOCKS_MAX) {
		fprintf(stderr, "usage: checkout PORT BLOCKS MINE NEXT\n");
		return 64;
	}
	mine = fifo_open(argv[3]);
	next = fifo_open(argv[4]);
	fd = till_connect(port);
	ask(fd, "POST", "/session/open", "", text, sizeof(text));
	block(fd, 0);
	for (int i = 0; i < count; i++) {
		turn_await(mine);
		medians[i] = block(fd, i + 1);
		turn_pass(next);
	}
	for (int i = 0; i < count; i++)
		printf("checkout block %lld\n", (long long)medians[i]);
	puts("checkout done");
	close(fd);
	return 0;
}
