/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How exact is a delay? 1,000 datagrams a second from one node to another, each delayed by 20 ms;
 * the error is what the receiving kernel's time stamp says beyond that. It contains the sender's
 * system call and the way to the wire and from it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/gate.h"
#include "base/loop.h"
#include "bench.h"
#include "wire/rule.h"
#include "wire/wire.h"

enum { ROUNDS = 7, PACKETS = 1000 };
#define DELAY_NS (20 * NS_PER_MS)

struct bench {
	struct wire *wire;
	struct loop *loop;
	int home, net[2], out, in;
	unsigned rule;
	int64_t error[ROUNDS][PACKETS];
	unsigned got;
};

static _Noreturn void fail(const char *what, const struct err *e)
{
	fprintf(stderr, "%s: %s\n", what, e ? e->msg : strerror(errno));
	exit(1);
}

static void nodes_make(struct bench *b)
{
	struct err e = { 0 };

	if (unshare(CLONE_NEWNET) < 0 || open("/dev/net/tun", O_RDWR) < 0) {
		printf("SKIP: not root, or no /dev/net/tun\n");
		exit(0);
	}
	b->home = open("/proc/thread-self/ns/net", O_RDONLY);
	if (wire_new(&b->wire, &e) < 0 || loop_new(&b->loop, &e) < 0)
		fail("wire", &e);
	for (unsigned i = 0; i < 2; i++) {
		if (unshare(CLONE_NEWNET) < 0)
			fail("unshare", NULL);
		b->net[i] = open("/proc/thread-self/ns/net", O_RDONLY);
		if (setns(b->home, CLONE_NEWNET) < 0)
			fail("setns", NULL);
		if (wire_attach(b->wire, b->net[i], i, &e) < 0)
			fail("attach", &e);
	}
}

static int in_node(struct bench *b, unsigned node)
{
	int fd;

	if (setns(b->net[node], CLONE_NEWNET) < 0)
		fail("setns", NULL);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setns(b->home, CLONE_NEWNET) < 0)
		fail("socket", NULL);
	return fd;
}

static void on_hit(void *arg, const struct wire_hit *h)
{
	(void)arg;
	(void)h;
}

static void start(struct bench *b)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(5000),
				 .sin_addr.s_addr = htonl(0x0a4d0002) };
	struct wire_rule r = { .effect = WIRE_DELAY, .seed = 1, .gate = gate_all(), .chance = 1,
			       .a = { 1 }, .b = { 2 }, .delay_ns = DELAY_NS, .name = "bench" };
	struct err e = { 0 };
	int one = 1;

	b->out = in_node(b, 0);
	b->in = in_node(b, 1);
	if (bind(b->in, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    connect(b->out, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    setsockopt(b->in, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) < 0)
		fail("sockets", NULL);
	if (wire_rule_add(b->wire, b->loop, &r, on_hit, NULL, &b->rule, &e) < 0)
		fail("rule", &e);
}

static int64_t real_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* False: nothing there. */
static int hear(struct bench *b)
{
	int64_t sent_ns;
	char control[128];
	struct iovec iov = { &sent_ns, sizeof(sent_ns) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct timespec t;

	if (recvmsg(b->in, &m, 0) != (ssize_t)sizeof(sent_ns))
		return 0;
	if (!CMSG_FIRSTHDR(&m))
		fail("no time stamp", NULL);
	memcpy(&t, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(t));
	b->error[b->got / PACKETS][b->got % PACKETS] =
		t.tv_sec * NS_PER_S + t.tv_nsec - sent_ns - DELAY_NS;
	b->got++;
	return 1;
}

static void hear_until(struct bench *b, int64_t until)
{
	struct pollfd p = { .fd = b->in, .events = POLLIN };

	for (int64_t left; (left = until - clock_now()) > 0;) {
		struct timespec t = { .tv_nsec = left % NS_PER_S, .tv_sec = left / NS_PER_S };

		if (ppoll(&p, 1, &t, NULL) == 1)
			while (b->got < ROUNDS * PACKETS && hear(b))
				;
	}
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double of_round(const struct bench *b, int round, int per_mille)
{
	return (double)b->error[round][PACKETS * per_mille / 1000] / 1e6;
}

static void tell(const struct bench *b, const char *words, int per_mille, double limit)
{
	double v[ROUNDS], t;

	for (int i = 0; i < ROUNDS; i++)
		v[i] = of_round(b, i, per_mille);
	for (int i = 0; i < ROUNDS; i++)
		for (int j = i; j > 0 && v[j] < v[j - 1]; j--) {
			t = v[j];
			v[j] = v[j - 1];
			v[j - 1] = t;
		}
	figure(words, v[ROUNDS / 2], "ms", "<=", limit, v[0], v[ROUNDS - 1]);
}

int main(void)
{
	static struct bench b;
	struct err e = { 0 };
	int64_t next;

	nodes_make(&b);
	start(&b);
	prctl(PR_SET_TIMERSLACK, 1);
	next = clock_now();
	for (int i = 0; i < ROUNDS * PACKETS; i++, next += NS_PER_MS) {
		int64_t now;

		hear_until(&b, next);
		now = real_now();
		if (send(b.out, &now, sizeof(now), 0) != (ssize_t)sizeof(now))
			fail("send", NULL);
	}
	hear_until(&b, clock_now() + NS_PER_S / 2);
	if (b.got != ROUNDS * PACKETS)
		fail("packets are missing", NULL);
	for (int i = 0; i < ROUNDS; i++)
		qsort(b.error[i], PACKETS, sizeof(b.error[i][0]), ascending);
	tell(&b, "delay of 20 ms at 1,000 packets/s: error, p99", 990, 0.2);
	tell(&b, "delay of 20 ms at 1,000 packets/s: error, median", 500, 0.2);
	if (wire_rule_del(b.wire, b.rule, &e) < 0)
		fail("rule", &e);
	wire_free(b.wire);
	loop_free(b.loop);
	return 0;
}
