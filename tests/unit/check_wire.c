/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire: which node a packet goes to, and real packets between two network
 * namespaces:
 *
 *   this process (empty)    node 0 ── eth0 ── switch ── eth0 ── node 1
 *
 * Needs root (or a user namespace that is root) and /dev/net/tun; skipped
 * otherwise, saying so.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "wire/room.h"
#include "tests/unit/suite.h"

#define NODES 2

struct lan {
	struct wire *wire;
	int home, net[NODES];
};

static int in_node(const struct lan *l, unsigned node, int family, int type)
{
	int fd;

	ck_assert_int_eq(setns(l->net[node], CLONE_NEWNET), 0);
	fd = socket(family, type | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(setns(l->home, CLONE_NEWNET), 0);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void lan_open(struct lan *l)
{
	struct err e = { 0 };

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	l->home = open("/proc/thread-self/ns/net", O_RDONLY);
	ck_assert_msg(wire_new(&l->wire, &e) == 0, "%s", e.msg);
	for (unsigned i = 0; i < NODES; i++) {
		ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
		l->net[i] = open("/proc/thread-self/ns/net", O_RDONLY);
		ck_assert_int_eq(setns(l->home, CLONE_NEWNET), 0);
		ck_assert_msg(wire_attach(l->wire, l->net[i], i, &e) == 0, "%s", e.msg);
	}
}

static struct sockaddr_in addr4(unsigned node, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	char text[32];

	snprintf(text, sizeof(text), WIRE_ADDR4_FMT, node + 1);
	inet_pton(AF_INET, text, &a.sin_addr);
	return a;
}

/* A connection from node 1 to node 0. */
static void tcp_pair(const struct lan *l, int ret[2])
{
	struct sockaddr_in a = addr4(0, 8080);
	int server = in_node(l, 0, AF_INET, SOCK_STREAM);

	ck_assert_int_eq(bind(server, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(server, 5), 0);
	ret[1] = in_node(l, 1, AF_INET, SOCK_STREAM);
	ck_assert_int_eq(connect(ret[1], (struct sockaddr *)&a, sizeof(a)), 0);
	ret[0] = accept(server, NULL, NULL);
	ck_assert_int_ge(ret[0], 0);
	close(server);
}

/* ---- tests ---- */

START_TEST(destinations)
{
	static const struct {
		uint8_t packet[40];
		size_t len;
		int want;
	} rows[] = {
		{ { [0] = 0x45, [16] = 10, 77, 0, 1 }, 20, 0 },
		{ { [0] = 0x45, [16] = 10, 77, 0, 250 }, 20, 249 },
		{ { [0] = 0x45, [16] = 10, 77, 0, 251 }, 20, -1 },
		{ { [0] = 0x45, [16] = 10, 77, 0, 0 }, 20, -1 },
		{ { [0] = 0x45, [16] = 10, 77, 1, 1 }, 20, -1 },
		{ { [0] = 0x45, [16] = 10, 77, 0, 1 }, 19, -1 },
		{ { [0] = 0x60, [24] = 0xfd, 0x77, [39] = 7 }, 40, 6 },
		{ { [0] = 0x60, [24] = 0xfd, 0x77, [38] = 1, 7 }, 40, -1 },
		{ { [0] = 0x60, [24] = 0xff, 0x02, [39] = 2 }, 40, -1 },
		{ { [0] = 0x60, [24] = 0xfd, 0x77, [39] = 7 }, 39, -1 },
		{ { [0] = 0x20, [16] = 10, 77, 0, 1 }, 40, -1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_int_eq(switch_dest(rows[i].packet, rows[i].len), rows[i].want);
	ck_assert_int_eq(switch_dest(NULL, 0), -1);
}
END_TEST

START_TEST(packets_travel)
{
	struct lan l;
	int pair[2];
	char c;
	struct wire_counters n;

	lan_open(&l);
	ck_assert(wire_alive(l.wire));
	tcp_pair(&l, pair);
	ck_assert_int_eq((int)write(pair[0], "x", 1), 1);
	ck_assert_int_eq((int)read(pair[1], &c, 1), 1);
	n = wire_counters(l.wire, 0);
	ck_assert_uint_ge(n.packets, 2);
	ck_assert_uint_ge(n.bytes, 80);
	wire_free(l.wire);
}
END_TEST

START_TEST(ipv6_at_once)
{
	struct lan l;
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(8080) };
	int server, client;

	lan_open(&l);
	server = in_node(&l, 0, AF_INET6, SOCK_STREAM);
	ck_assert_int_eq(bind(server, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(server, 5), 0);
	inet_pton(AF_INET6, "fd77::1", &a.sin6_addr);
	client = in_node(&l, 1, AF_INET6, SOCK_STREAM);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&a, sizeof(a)), 0);
	wire_free(l.wire);
}
END_TEST

START_TEST(no_way_out)
{
	struct lan l;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd;

	lan_open(&l);
	fd = in_node(&l, 0, AF_INET, SOCK_DGRAM);
	inet_pton(AF_INET, "192.0.2.1", &a.sin_addr);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), -1);
	ck_assert_int_eq(errno, ENETUNREACH);
	a = addr4(100, 53); /* on the subnet, but nobody: sent and dropped */
	ck_assert_int_eq((int)sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
	for (int64_t by = clock_now() + NS_PER_S; wire_counters(l.wire, 0).dropped == 0;)
		ck_assert(clock_now() < by);
	wire_free(l.wire);
}
END_TEST

START_TEST(detach_and_death)
{
	struct lan l;
	struct err e = { 0 };
	int pid = 0;
	char text[64];
	FILE *f;

	lan_open(&l);
	ck_assert_int_eq(wire_detach(l.wire, 1, &e), 0);
	ck_assert_int_eq(wire_detach(l.wire, 1, &e), -ENOENT);
	ck_assert_msg(wire_attach(l.wire, l.net[1], 1, &e) == 0, "%s", e.msg);
	snprintf(text, sizeof(text), "/proc/self/task/%d/children", getpid());
	f = fopen(text, "r");
	ck_assert_int_eq(fscanf(f, "%d", &pid), 1);
	fclose(f);
	kill(pid, SIGKILL);
	for (int64_t by = clock_now() + NS_PER_S; wire_alive(l.wire);)
		ck_assert(clock_now() < by);
	ck_assert_int_eq(wire_detach(l.wire, 0, &e), -EPIPE);
	wire_free(l.wire);
}
END_TEST

/* ---- figures, printed only ---- */

START_TEST(throughput)
{
	static char chunk[1 << 20];
	struct lan l;
	int pair[2];
	int64_t before, total = (int64_t)1 << 30, got = 0;
	pid_t pid;

	lan_open(&l);
	tcp_pair(&l, pair);
	before = clock_now();
	pid = fork();
	if (pid == 0) {
		for (int64_t sent = 0; sent < total;) {
			ssize_t n = write(pair[1], chunk, sizeof(chunk));

			if (n < 0)
				_exit(1);
			sent += n;
		}
		_exit(0);
	}
	while (got < total) {
		ssize_t n = read(pair[0], chunk, sizeof(chunk));

		ck_assert_int_gt((int)n, 0);
		got += n;
	}
	waitpid(pid, NULL, 0);
	printf("# one TCP stream: %.1f Gbit/s\n", (double)got * 8 / (double)(clock_now() - before));
	wire_free(l.wire);
}
END_TEST

START_TEST(latency)
{
	enum { ROUNDS = 20000 };
	struct lan l;
	int pair[2];
	int64_t before;
	char c = 0;
	pid_t pid;

	lan_open(&l);
	tcp_pair(&l, pair);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		while (read(pair[1], &c, 1) == 1 && write(pair[1], &c, 1) == 1)
			;
		_exit(0);
	}
	close(pair[1]);
	before = clock_now();
	for (int i = 0; i < ROUNDS; i++)
		ck_assert(write(pair[0], &c, 1) == 1 && read(pair[0], &c, 1) == 1);
	printf("# request and reply: %.1f us\n", (double)(clock_now() - before) / ROUNDS / 1e3);
	close(pair[0]);
	waitpid(pid, NULL, 0);
	wire_free(l.wire);
}
END_TEST

/* ---- the suite ---- */

static bool can_wire(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNET) < 0 || open("/dev/net/tun", O_RDWR) < 0);
	waitpid(pid, &status, 0);
	return status == 0;
}

int main(void)
{
	Suite *s = suite_create("wire");
	TCase *tc = tcase_create("wire");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, destinations);
	if (can_wire()) {
		tcase_add_test(tc, packets_travel);
		tcase_add_test(tc, ipv6_at_once);
		tcase_add_test(tc, no_way_out);
		tcase_add_test(tc, detach_and_death);
		tcase_add_test(tc, throughput);
		tcase_add_test(tc, latency);
	} else {
		printf("# SKIP wire: not root, or no /dev/net/tun\n");
	}
	suite_add_tcase(s, tc);
	return suite_main(s);
}
