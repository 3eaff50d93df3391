/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: what clocks tell under rules, as arithmetic; and that a target which writes anything at
 * all into the memory that it shares with us does not get us into trouble.
 * Buggy result: a deadline that is never reached, an order that matters, a worker that hangs.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/draw.h"
#include "base/err.h"
#include "base/loop.h"
#include "shim/shim.h"
#include "shim/told.h"
#include "tests/unit/suite.h"

#define NOW (1000 * NS_PER_S)

static struct shim_rule rule(enum shim_effect effect, int64_t armed_ago)
{
	struct shim_rule r = { .serial = 1, .effect = effect, .services = 1,
			       .clocks = SHIM_CALENDAR, .by = 7 * NS_PER_S, .rate = 0.5,
			       .every = NS_PER_S };

	for (int i = 0; i < SHIM_CLOCKS; i++)
		r.at[i] = NOW - armed_ago;
	return r;
}

static int64_t told(const struct shim_table *t, int64_t real)
{
	uint32_t by;

	return told_at(t, 0, SHIM_REALTIME, real, &by);
}

START_TEST(test_each)
{
	const struct {
		enum shim_effect effect;
		int64_t ago, by;
	} rows[] = {
		{ SHIM_JUMP, 0, 7 * NS_PER_S }, { SHIM_DRIFT, 4 * NS_PER_S, 2 * NS_PER_S },
		{ SHIM_FREEZE, 3 * NS_PER_S, -3 * NS_PER_S },
		{ SHIM_STROBE, NS_PER_S / 2, 0 }, { SHIM_STROBE, 3 * NS_PER_S / 2, 7 * NS_PER_S },
		{ SHIM_STROBE, 5 * NS_PER_S / 2, 0 }, { SHIM_ALLOC, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct shim_table t = { .at = { [9] = rule(rows[i].effect, rows[i].ago) } };
		uint32_t by;

		ck_assert_int_eq(told_at(&t, 0, SHIM_REALTIME, NOW, &by) - NOW, rows[i].by);
		ck_assert_uint_eq(by, rows[i].by ? 1u << 9 : 0);
		ck_assert_int_eq(told_at(&t, 1, SHIM_REALTIME, NOW, &by), NOW); /* not its */
		ck_assert_int_eq(told_at(&t, 0, SHIM_MONOTONIC, NOW, &by), NOW);
	}
}
END_TEST

/* A clock that stands still can be moved, whichever came first. */
START_TEST(test_order)
{
	struct shim_table a = { .at = { rule(SHIM_FREEZE, 5 * NS_PER_S), rule(SHIM_JUMP, NS_PER_S),
					rule(SHIM_DRIFT, 9 * NS_PER_S) } };
	struct shim_table b = { .at = { a.at[2], a.at[1], a.at[0] } };

	ck_assert_int_eq(told(&a, NOW), NOW - 5 * NS_PER_S + 7 * NS_PER_S + 2 * NS_PER_S);
	ck_assert_int_eq(told(&a, NOW), told(&b, NOW));
}
END_TEST

static int64_t pick(uint64_t n, int64_t lo, int64_t hi)
{
	return draw_range((struct draw){ .seed = 5, .name = "shim", .object = n }, lo, hi);
}

/* At a translated deadline the clock tells it, and a microsecond before it does not yet. */
START_TEST(test_deadline)
{
	for (uint64_t n = 0; n < 3000; n++) {
		struct shim_table t = { .at = { rule(n % 3 == 0 ? SHIM_STROBE : SHIM_JUMP,
						     pick(n, 0, 5 * NS_PER_S)),
						rule(SHIM_DRIFT, 3 * NS_PER_S) } };
		int64_t at, real;

		t.at[0].by = pick(n + 10000, -9 * NS_PER_S, 9 * NS_PER_S);
		t.at[1].rate = n % 2 ? 0 : 0.25;
		at = told(&t, NOW) + pick(n + 20000, 1, 20 * NS_PER_S);
		real = told_deadline(&t, 0, SHIM_REALTIME, NOW, at);
		ck_assert_int_ge(real, NOW);
		ck_assert_int_ge(told(&t, real), at - NS_PER_US);
		if (n % 3)
			ck_assert_int_lt(told(&t, real - 2 * NS_PER_US), at);
		ck_assert_int_lt(told_deadline(&t, 0, SHIM_REALTIME, NOW, told(&t, NOW)), NOW);
	}
}
END_TEST

static void on_told(void *arg, const struct shim_told *t)
{
	uint64_t *count = arg;

	*count += t->count;
	if (t->hit)
		ck_assert(strlen(t->process) < 200 && strlen(t->hit->what) < SHIM_WHAT_MAX);
}

static void scribble(struct shim_hits *h, uint64_t how)
{
	unsigned char *p = (unsigned char *)h;

	for (size_t i = 0; how && i < sizeof(*h); i += 8) {
		uint64_t bits = how == 1 ? UINT64_MAX : draw_u64((struct draw){
						.seed = how, .name = "scribble", .object = i });

		memcpy(p + i, &bits, sizeof(*h) - i < 8 ? sizeof(*h) - i : 8);
	}
	for (uint32_t i = 0; how == 3 && i < SHIM_CELLS; i++)
		h->cell[i].turn = i + 1; /* all full of nonsense, to be read */
}

/* Whatever is in there, arming and healing come to an end. */
START_TEST(test_hostile)
{
	char dir[] = "/tmp/wd-shim-XXXXXX";
	cleanup_free char *d = NULL, *file = NULL, *gone = NULL;
	struct shim_opts o = { .node = "n", .owner = getuid() };
	struct shim_rule r = rule(SHIM_JUMP, 0);
	struct shim_hits *hits;
	struct shim *s;
	struct loop *loop;
	struct err e = { 0 };
	uint64_t count = 0;
	uint32_t serial;
	bool stop = false;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	o.dir = d = xasprintf("%s/d", dir);
	o.hits = file = xasprintf("%s/h", dir);
	gone = xasprintf("rm -rf %s", dir);
	ck_assert_int_eq(shim_new(&s, &o, &e), 0);
	ck_assert_int_eq(shim_service(s, "n/s", &e), 0);
	ck_assert_int_eq(loop_new(&loop, &e), 0);
	fd = open(file, O_RDWR | O_CLOEXEC);
	hits = mmap(NULL, sizeof(*hits), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(hits, MAP_FAILED);
	ck_assert_int_eq(shim_rule_add(s, loop, &r, on_told, &count, &serial, &e), 0);
	scribble(hits, (uint64_t)_i);
	loop_run_until(loop, &stop, clock_now() + 30 * NS_PER_MS);
	ck_assert_int_eq(shim_rule_del(s, serial, &e), 0);
	ck_assert_int_lt(shim_rule_del(s, serial, &e), 0);
	shim_free(s);
	loop_free(loop);
	munmap(hits, sizeof(*hits));
	close(fd);
	ck_assert_int_eq(system(gone), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("shim");
	TCase *t = tcase_create("clocks and pages");

	tcase_set_timeout(t, 20);
	tcase_add_test(t, test_each);
	tcase_add_test(t, test_order);
	tcase_add_test(t, test_deadline);
	tcase_add_loop_test(t, test_hostile, 0, 4);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(suite());
}
