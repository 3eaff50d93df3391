/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How exact is a delay? 1,000 datagrams a second from one node to another, each delayed by 20 ms;
 * the error is what the receiving kernel's time stamp says beyond that. It contains the sender's
 * system call and the way to the wire and from it.
 *
 * Beside it a process that does nothing else wakes up 1,000 times a second, with the switch's timer
 * slack and slice: how late it is, is how late this machine lets anybody be. What the limit is held
 * against at best is the least error beyond that, each taken in the same second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
	int64_t (*idle)[PACKETS]; /* shared: how late the idle process was, by round */
	pid_t idler;
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

static _Noreturn void idle_run(int64_t (*late)[PACKETS], int64_t next)
{
	struct { /* struct sched_attr, whose header does not go with sched.h */
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} a = { .size = sizeof(a), .policy = SCHED_OTHER, .runtime = 100000 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	syscall(SYS_sched_setattr, 0, &a, 0);
	for (int i = 0; i < ROUNDS * PACKETS; i++, next += NS_PER_MS) {
		struct timespec t = { next / NS_PER_S, next % NS_PER_S };

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		late[i / PACKETS][i % PACKETS] = clock_now() - next;
	}
	_exit(0);
}

/* Half a millisecond off the beat of the packets. */
static void idle_start(struct bench *b, int64_t first)
{
	b->idle = mmap(NULL, sizeof(b->error), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (b->idle == MAP_FAILED)
		fail("mmap", NULL);
	b->idler = fork();
	if (b->idler < 0)
		fail("fork", NULL);
	if (b->idler == 0)
		idle_run(b->idle, first + NS_PER_MS / 2);
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

static double of_round(const int64_t (*v)[PACKETS], int round, int per_mille)
{
	return (double)v[round][PACKETS * per_mille / 1000] / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void tell(const struct bench *b, const char *words, int per_mille, double limit)
{
	double v[ROUNDS], idle[ROUNDS], least = INFINITY;

	for (int i = 0; i < ROUNDS; i++) {
		v[i] = of_round(b->error, i, per_mille);
		idle[i] = of_round((const int64_t(*)[PACKETS])b->idle, i, per_mille);
		least = fmin(least, fmax(0, v[i] - idle[i]));
	}
	qsort(v, ROUNDS, sizeof(*v), by_value);
	qsort(idle, ROUNDS, sizeof(*idle), by_value);
	printf("  %s: rounds %.3f to %.3f ms; an idle timer of this machine is late by %.3f ms "
	       "(%.3f to %.3f)\n", words, v[0], v[ROUNDS - 1], idle[ROUNDS / 2], idle[0],
	       idle[ROUNDS - 1]);
	figure(words, v[ROUNDS / 2], "ms", "<=", limit, least, v[ROUNDS - 1]);
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
	idle_start(&b, next);
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
	waitpid(b.idler, NULL, 0);
	for (int i = 0; i < ROUNDS; i++) {
		qsort(b.error[i], PACKETS, sizeof(b.error[i][0]), ascending);
		qsort(b.idle[i], PACKETS, sizeof(b.idle[i][0]), ascending);
	}
	tell(&b, "delay of 20 ms at 1,000 packets/s: error, p99", 990, 0.2);
	tell(&b, "delay of 20 ms at 1,000 packets/s: error, median", 500, 0.2);
	if (wire_rule_del(b.wire, b.rule, &e) < 0)
		fail("rule", &e);
	wire_free(b.wire);
	loop_free(b.loop);
	return 0;
}
