/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire does not wait for its worker: while the worker stands still for two seconds, packets
 * go on, delays end when they should, and more hits than fit into the ring cost hits, not packets.
 * While the switch itself stands still, packets wait for it.
 */
#include <signal.h>

#include "base/pass.h"
#include "lan_kit.h"
#include "tests/unit/suite.h"

#define DELAY_NS (50 * NS_PER_MS)

/* The worker: makes everything, hands out two sockets, and does nothing. */
static _Noreturn void worker(int sock, int effects)
{
	struct lan l;
	struct sockaddr_in a = lan_addr(1, 5000);
	int fds[2];

	lan_open(&l);
	fds[0] = lan_socket(&l, 0, AF_INET, SOCK_DGRAM, 0);
	fds[1] = lan_bound(&l, 1, 5000);
	if (connect(fds[0], (struct sockaddr *)&a, sizeof(a)) < 0)
		_exit(1);
	for (int i = 0; i < effects; i++) { /* each packet is a hit of each of them */
		struct wire_rule r = lan_rule(WIRE_DELAY, i, 0, 1);

		r.delay_ns = DELAY_NS / effects;
		lan_arm(&l, &r);
	}
	pass_send(sock, "", 1, fds, 2);
	for (;;)
		pause();
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct flight {
	int fds[2];
	unsigned sent, got;
	int64_t late[4096];
};

/* Every packet carries the time at which it was sent. */
static void hear(struct flight *f, int64_t until)
{
	for (;;) {
		int64_t left = until - clock_now(), sent_ns;
		struct timespec t = { .tv_nsec = left > 0 ? left % NS_PER_S : 0,
				      .tv_sec = left > 0 ? left / NS_PER_S : 0 };
		struct pollfd p = { .fd = f->fds[1], .events = POLLIN };

		if (ppoll(&p, 1, &t, NULL) != 1)
			return;
		ck_assert_int_eq((int)recv(f->fds[1], &sent_ns, sizeof(sent_ns), 0), 8);
		f->late[f->got++] = clock_now() - sent_ns - DELAY_NS;
	}
}

static void fly(struct flight *f, int64_t until)
{
	for (int64_t next = clock_now(); next < until; next += NS_PER_MS) {
		int64_t now;

		hear(f, next);
		now = clock_now();
		ck_assert_int_eq((int)send(f->fds[0], &now, sizeof(now), 0), 8);
		f->sent++;
	}
}

static bool is_stopped(pid_t pid)
{
	char text[64], state = 0;
	FILE *f;

	snprintf(text, sizeof(text), "/proc/%d/stat", pid);
	f = fopen(text, "r");
	ck_assert(f && fscanf(f, "%*d %*s %c", &state) == 1);
	fclose(f);
	return state == 'T';
}

/* With 32 delays behind each other there are 32 hits a packet: 64,000 for a ring of 4,096. */
START_TEST(while_the_worker_is_stopped)
{
	static struct flight f;
	int sv[2], status;
	int64_t until;
	char c;
	pid_t pid;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	pid = fork();
	if (pid == 0)
		worker(sv[1], _i ? 32 : 1);
	ck_assert_int_eq((int)pass_recv(sv[0], &c, 1, f.fds, 2, 0), 1);
	kill(pid, SIGSTOP);
	for (until = clock_now() + NS_PER_S; !is_stopped(pid);)
		ck_assert(clock_now() < until);
	fly(&f, clock_now() + 2 * NS_PER_S);
	for (until = clock_now() + 5 * NS_PER_S; f.got < f.sent && clock_now() < until;)
		hear(&f, clock_now() + 10 * NS_PER_MS);
	ck_assert(is_stopped(pid));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	qsort(f.late, f.got, sizeof(f.late[0]), by_value);
	printf("# worker stopped, %d hits a packet: %u of %u packets arrived, late by %.3f ms in "
	       "the median, %.3f ms at most\n", _i ? 32 : 1, f.got, f.sent,
	       (double)f.late[f.got / 2] / 1e6, (double)f.late[f.got - 1] / 1e6);
	ck_assert_uint_eq(f.got, f.sent);
	ck_assert_uint_gt(f.sent, 1500);
	ck_assert_int_ge(f.late[0], 0);
	ck_assert_int_lt(f.late[f.got / 2], 5 * NS_PER_MS);
	ck_assert_int_lt(f.late[f.got - 1], NS_PER_S);
}
END_TEST

/*
 *   node 0 ── eth0, its queue ──  switch, stopped
 *
 * As on a machine that gives the switch no core: what fits into the queue arrives afterwards, and
 * what does not is told of, to the packet.
 */
enum { BURST = 3000, FLOOD = 20000 };

static void burst(int fd, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		ck_assert_int_eq((int)send(fd, &i, sizeof(i), 0), sizeof(i));
}

static uint32_t count_in_order(int fd, uint32_t expected)
{
	uint32_t n = 0, tag;

	while (n < expected && lan_heard(fd, &tag, sizeof(tag), 3000) == sizeof(tag)) {
		ck_assert_uint_eq(tag, n);
		n++;
	}
	ck_assert_int_lt(lan_heard(fd, &tag, sizeof(tag), 50), 0);
	return n;
}

START_TEST(while_the_switch_is_stopped)
{
	struct sockaddr_in a = lan_addr(1, 5000);
	int from, to, room = 64 << 20;
	uint32_t sent = _i ? FLOOD : BURST, got;
	uint64_t lost;
	struct err e = { 0 };
	struct lan l;
	pid_t pid;

	lan_open(&l);
	pid = lan_switch();
	from = lan_socket(&l, 0, AF_INET, SOCK_DGRAM, 0);
	to = lan_bound(&l, 1, 5000);
	ck_assert_int_eq(setsockopt(to, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
	ck_assert_int_eq(connect(from, (struct sockaddr *)&a, sizeof(a)), 0);
	kill(pid, SIGSTOP);
	for (int64_t until = clock_now() + NS_PER_S; !is_stopped(pid);)
		ck_assert(clock_now() < until);
	burst(from, sent);
	lost = wire_overrun(l.wire, 0);
	kill(pid, SIGCONT);
	got = count_in_order(to, sent - (uint32_t)lost);
	printf("# switch stopped: %u packets sent, %u arrived, %u told of as lost\n", sent, got,
	       (unsigned)lost);
	ck_assert_uint_eq(got + lost, sent);
	ck_assert(_i ? lost > 0 : lost == 0);
	ck_assert_uint_eq(wire_overrun(l.wire, 0), lost);
	ck_assert_uint_eq(wire_overrun(l.wire, 1), 0);
	ck_assert_int_eq(wire_reset(l.wire, &e), 0);
	ck_assert_uint_eq(wire_overrun(l.wire, 0), 0);
	close(from);
	close(to);
	lan_close(&l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wire_moves");
	TCase *tc = tcase_create("moves");

	if (!lan_can()) {
		printf("# SKIP wire_moves: not root, or no /dev/net/tun\n");
		return 0;
	}
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, while_the_worker_is_stopped, 0, 2);
	tcase_add_loop_test(tc, while_the_switch_is_stopped, 0, 2);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
