/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: the one loop of every process.
 * Buggy results: timers out of order, a callback on a descriptor that its
 * owner has given up (use after free), a deadline that is missed, starvation.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/draw.h"
#include "base/hist.h"
#include "base/loop.h"
#include "tests/unit/suite.h"

#define TIMERS 1000
#define SAFETY (5 * NS_PER_S) /* a deadline no test should meet */

/* struct bed - a loop and what happened in it; libcheck forks, so one per test. */
static struct bed {
	struct loop *l;
	struct loop_timer timers[TIMERS], *fired[2 * TIMERS];
	unsigned fired_count, stop_at;
	int pipe;
	bool stop;
} bed;

static void setup(void)
{
	ck_assert_int_eq(loop_new(&bed.l, NULL), 0);
}

static void teardown(void)
{
	loop_free(bed.l);
}

static void note_fired(struct loop_timer *t, int64_t now_ns)
{
	ck_assert_int_ge(now_ns, t->at_ns); /* never early */
	ck_assert(!loop_timer_armed(t));
	bed.fired[bed.fired_count++] = t;
	if (bed.fired_count == bed.stop_at)
		bed.stop = true;
}

static void arm(unsigned i, int64_t at_ns)
{
	bed.timers[i].fire = note_fired;
	loop_timer_at(bed.l, &bed.timers[i], at_ns);
}

static int run(void)
{
	return loop_run_until(bed.l, &bed.stop, clock_now() + SAFETY);
}

START_TEST(test_order)
{
	int64_t now = clock_now();

	for (unsigned i = 0; i < TIMERS; i++) /* many ties */
		arm(i, now + draw_range((struct draw){1, "timer", i, 0}, 0, 50) * 100000);
	for (unsigned i = 0; i < TIMERS; i += 3) /* move some, which also makes them younger */
		arm(i, now + draw_range((struct draw){1, "timer", i, 1}, 0, 50) * 100000);
	for (unsigned i = 1; i < TIMERS; i += 7)
		loop_timer_cancel(bed.l, &bed.timers[i]);
	for (unsigned i = 0; i < TIMERS; i++)
		bed.stop_at += loop_timer_armed(&bed.timers[i]);
	ck_assert_int_eq(run(), 0);
	ck_assert_uint_eq(bed.fired_count, bed.stop_at);
	for (unsigned i = 1; i < bed.fired_count; i++) {
		const struct loop_timer *a = bed.fired[i - 1], *b = bed.fired[i];

		ck_assert(a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order));
	}
	ck_assert_uint_eq(hist_count(loop_lateness(bed.l)), bed.fired_count);
	loop_lateness_reset(bed.l);
	ck_assert_uint_eq(hist_count(loop_lateness(bed.l)), 0);
}
END_TEST

START_TEST(test_cancel_twice)
{
	arm(0, clock_now());
	loop_timer_cancel(bed.l, &bed.timers[0]);
	loop_timer_cancel(bed.l, &bed.timers[0]);
	ck_assert(!loop_timer_armed(&bed.timers[0]));
	ck_assert_int_eq(loop_run_until(bed.l, NULL, clock_now()), -ETIMEDOUT);
	ck_assert_uint_eq(bed.fired_count, 0);
}
END_TEST

static void cancel_next(struct loop_timer *t, int64_t now_ns)
{
	note_fired(t, now_ns);
	loop_timer_cancel(bed.l, t + 1);
}

START_TEST(test_cancel_due)
{
	int64_t now = clock_now() - NS_PER_MS;

	for (unsigned i = 0; i < 4; i++)
		arm(i, now);
	bed.timers[0].fire = cancel_next; /* the second is due as well, and must not fire */
	bed.stop_at = 3;
	ck_assert_int_eq(run(), 0);
	ck_assert_ptr_eq(bed.fired[1], &bed.timers[2]);
}
END_TEST

static void fire_again(struct loop_timer *t, int64_t now_ns)
{
	note_fired(t, now_ns);
	if (bed.fired_count == 1)
		ck_assert_int_eq(write(bed.pipe, "x", 1), 1);
	ck_assert_uint_lt(bed.fired_count, TIMERS);
	loop_timer_at(bed.l, t, 0);
}

static void count_byte(struct loop_fd *f, uint32_t events)
{
	char c;

	ck_assert(events & EPOLLIN);
	ck_assert_int_eq(read(f->fd, &c, 1), 1);
	bed.stop = true;
}

/* A timer that is always due again leaves descriptors their turn. */
START_TEST(test_no_starvation)
{
	struct loop_fd f = {.ready = count_byte};
	int pipes[2];

	ck_assert_int_eq(pipe(pipes), 0);
	f.fd = pipes[0];
	bed.pipe = pipes[1];
	ck_assert_int_eq(loop_fd_set(bed.l, &f, EPOLLIN), 0);
	arm(0, 0);
	bed.timers[0].fire = fire_again;
	ck_assert_int_eq(run(), 0);
	ck_assert_uint_le(bed.fired_count, 2);
}
END_TEST

START_TEST(test_deadline)
{
	int64_t start = clock_now(), end = start + 20 * NS_PER_MS;

	arm(0, end + NS_PER_S);
	ck_assert_int_eq(loop_run_until(bed.l, &bed.stop, end), -ETIMEDOUT);
	ck_assert_int_ge(clock_now(), end);
	ck_assert_int_lt(clock_now(), end + 500 * NS_PER_MS);
	ck_assert_uint_eq(bed.fired_count, 0);
	/* a deadline in the past is one look at what is ready */
	arm(1, start);
	ck_assert_int_eq(loop_run_until(bed.l, &bed.stop, 0), -ETIMEDOUT);
	ck_assert_uint_eq(bed.fired_count, 1);
	bed.stop = true;
	ck_assert_int_eq(loop_run_until(bed.l, &bed.stop, 0), 0);
}
END_TEST

/* The second deadline is earlier than what the timerfd was set to, and then later. */
START_TEST(test_rearmed_timerfd)
{
	int64_t now = clock_now();

	arm(0, now + 60 * NS_PER_MS);
	for (int i = 1; i <= 5; i++) {
		int64_t end = now + i * 5 * NS_PER_MS;

		ck_assert_int_eq(loop_run_until(bed.l, NULL, end), -ETIMEDOUT);
		ck_assert_int_ge(clock_now(), end);
	}
	bed.stop_at = 1;
	ck_assert_int_eq(run(), 0);
	ck_assert_int_lt(clock_now(), now + NS_PER_S);
}
END_TEST

/* ---- descriptors ---- */

#define PAIRS 8
static struct pair {
	struct loop_fd f;
	int other;
	unsigned calls;
} pairs[PAIRS];

static void drop_all_others(struct loop_fd *f, uint32_t events)
{
	struct pair *me = (struct pair *)(void *)f;

	(void)events;
	me->calls++;
	for (unsigned i = 0; i < PAIRS; i++) {
		loop_fd_set(bed.l, &pairs[i].f, 0);
		close(pairs[i].f.fd);
		memset(&pairs[i].f, 0xa5, sizeof(pairs[i].f)); /* as if freed: a call crashes */
	}
	bed.stop_at = 1;
}

static void open_pairs(void (*ready)(struct loop_fd *, uint32_t))
{
	for (unsigned i = 0; i < PAIRS; i++) {
		int fds[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		pairs[i].f.fd = fds[0];
		pairs[i].f.ready = ready;
		pairs[i].other = fds[1];
		ck_assert_int_eq(write(fds[1], "x", 1), 1);
		ck_assert_int_eq(loop_fd_set(bed.l, &pairs[i].f, EPOLLIN), 0);
	}
}

/* All are ready in one batch; the first takes the others (and itself) away. */
START_TEST(test_removal_in_batch)
{
	unsigned calls = 0;

	open_pairs(drop_all_others);
	ck_assert_int_eq(loop_run_until(bed.l, NULL, clock_now() + 5 * NS_PER_MS), -ETIMEDOUT);
	for (unsigned i = 0; i < PAIRS; i++)
		calls += pairs[i].calls;
	ck_assert_uint_eq(calls, 1);
}
END_TEST

static void nested(struct loop_fd *f, uint32_t events)
{
	struct pair *me = (struct pair *)(void *)f;
	char c;

	(void)events;
	ck_assert_int_eq(read(f->fd, &c, 1), 1);
	me->calls++;
	if (me == &pairs[0] || bed.fired_count++)
		return;
	/* run the loop from inside; then drop one that the outer batch still holds */
	loop_run_until(bed.l, NULL, clock_now() + NS_PER_MS);
	for (unsigned i = 0; i < PAIRS; i++)
		loop_fd_set(bed.l, &pairs[i].f, 0);
}

START_TEST(test_nested)
{
	open_pairs(nested);
	ck_assert_int_eq(loop_run_until(bed.l, NULL, clock_now() + 10 * NS_PER_MS), -ETIMEDOUT);
	for (unsigned i = 0; i < PAIRS; i++)
		ck_assert_uint_eq(pairs[i].calls, 1);
}
END_TEST

static void no_more_output(struct loop_fd *f, uint32_t events)
{
	struct pair *me = (struct pair *)(void *)f;

	ck_assert(!(events & ~f->events & ~(EPOLLERR | EPOLLHUP)));
	me->calls++;
	for (unsigned i = 0; i < PAIRS; i++)
		loop_fd_set(bed.l, &pairs[i].f, EPOLLIN);
	bed.stop = bed.stop_at && ++bed.fired_count == bed.stop_at;
}

/* Events no longer asked for are not delivered, even from the current batch. */
START_TEST(test_narrowed_events)
{
	open_pairs(no_more_output);
	for (unsigned i = 0; i < PAIRS; i++)
		ck_assert_int_eq(loop_fd_set(bed.l, &pairs[i].f, EPOLLIN | EPOLLOUT), 0);
	bed.stop_at = 3 * PAIRS;
	ck_assert_int_eq(run(), 0);
}
END_TEST

static void hangup(struct loop_fd *f, uint32_t events)
{
	ck_assert(events & EPOLLHUP);
	loop_fd_set(bed.l, f, 0);
	bed.stop = true;
}

START_TEST(test_hangup_and_errors)
{
	struct loop_fd f = {.ready = hangup}, file = {.fd = -1, .ready = hangup};
	int pipes[2];

	ck_assert_int_eq(pipe(pipes), 0);
	f.fd = pipes[0];
	ck_assert_int_eq(loop_fd_set(bed.l, &f, EPOLLIN), 0);
	close(pipes[1]);
	ck_assert_int_eq(run(), 0);
	ck_assert_int_eq(loop_fd_set(bed.l, &file, EPOLLIN), -EBADF);
	ck_assert_int_eq(loop_fd_set(bed.l, &file, 0), 0);
	/* closed before it was given up */
	ck_assert_int_eq(loop_fd_set(bed.l, &f, EPOLLIN), 0);
	close(pipes[0]);
	ck_assert_int_eq(loop_fd_set(bed.l, &f, 0), 0);
}
END_TEST

static void on_alarm(int sig)
{
	(void)sig;
	bed.stop = true;
}

/* A signal handler may set *stop: EINTR leads to a look at it. */
START_TEST(test_signal)
{
	struct itimerval in = {.it_value = {.tv_usec = 20000}};

	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &in, NULL);
	ck_assert_int_eq(run(), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("base/loop");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 20);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_order);
	tcase_add_test(t, test_cancel_twice);
	tcase_add_test(t, test_cancel_due);
	tcase_add_test(t, test_no_starvation);
	tcase_add_test(t, test_deadline);
	tcase_add_test(t, test_rearmed_timerfd);
	tcase_add_test(t, test_removal_in_batch);
	tcase_add_test(t, test_nested);
	tcase_add_test(t, test_narrowed_events);
	tcase_add_test(t, test_hangup_and_errors);
	tcase_add_test(t, test_signal);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
