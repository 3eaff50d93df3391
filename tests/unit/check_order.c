/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: the order in which the trials of a suite are begun. Expected: one after the other they
 * come as numbered; several at once the longest first, each exactly once, and one whose good day
 * somebody is running comes later, unless there is nothing else or the good day is known by now.
 * Buggy result: a trial run twice or never, the longest left over, a good day run twice.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "explore/baseline.h"
#include "explore/order.h"
#include "faults/fault.h"
#include "judge/judge.h"
#include "stage/stage.h"
#include "suite.h"

#define TARGET "tests/invalid/good/target.yml"
#define LOAD "shoppers: {count: %d, arrivals: constant 60/min, pace: 10x}\n"

static char dir[] = "/tmp/wd-order-XXXXXX";
static struct plan plan;

static void add(const char *name, int count, const char *more)
{
	struct conf_catalog cat = {0};
	struct diag *diag = diag_new();
	struct strlist sets = {0};
	char *path = xasprintf("%s/%s.yml", dir, name);
	FILE *f = fopen(path, "w");

	cat.faults = fault_kinds(&cat.faults_count);
	cat.checks = check_kinds(&cat.checks_count);
	fprintf(f, "target: " TARGET "\nchecks: [no-hang]\n" LOAD "%s", count, more);
	fclose(f);
	ck_assert_int_eq(plan_add(&plan, path, &cat, &sets, diag), 0);
	diag_free(diag);
	free(path);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	add("a", 10, "");
	add("b", 40, "");
	add("c", 10, "");
	add("d", 40, "faults: [{process.kill: {service: store/store}}]\n");
	add("e", 20, "baseline: never\n");
}

static void teardown(void)
{
	char *command = xasprintf("rm -rf %s", dir);

	plan_done(&plan);
	ck_assert_int_eq(system(command), 0);
	free(command);
}

static struct suite_opts opts(int64_t seeds, int64_t jobs)
{
	return (struct suite_opts){
		.plan = &plan, .seed = -1, .seeds = seeds, .jobs = jobs, .out = dir};
}

static int64_t next(struct order *r, const struct job *under_way)
{
	const struct job *const all[] = {under_way};
	struct job j;

	return order_next(r, all, under_way ? 1 : 0, &j) ? j.number : -1;
}

START_TEST(one_after_the_other)
{
	struct suite_opts o = opts(2, 1);
	struct order *r = order_new(&o);

	for (int64_t i = 0; i < 10; i++)
		ck_assert_int_eq(next(r, NULL), i);
	ck_assert_int_eq(next(r, NULL), -1);
	order_free(r);
}
END_TEST

START_TEST(longest_first)
{
	static const int64_t want[] = {1, 3, 4, 0, 2, -1};
	struct suite_opts o = opts(1, 2);
	struct order *r = order_new(&o);

	for (size_t i = 0; i < 6; i++)
		ck_assert_int_eq(next(r, NULL), want[i]);
	order_free(r);
}
END_TEST

/* b and d have one good day: a fault changes nothing in it; a and c have another. */
START_TEST(nobody_runs_it_twice)
{
	struct suite_opts o = opts(1, 4);
	struct order *r = order_new(&o);
	const struct job b = {.number = 1, .experiment = 1, .seed = 1};

	ck_assert_int_eq(next(r, NULL), 1);
	ck_assert_int_eq(next(r, &b), 4); /* not d */
	ck_assert_int_eq(next(r, &b), 0);
	ck_assert_int_eq(next(r, NULL), 3); /* b has ended */
	ck_assert_int_eq(next(r, &b), 2);
	ck_assert_int_eq(next(r, &b), -1);
	order_free(r);
}
END_TEST

START_TEST(nothing_else_or_known)
{
	struct suite_opts o = opts(1, 4);
	struct order *r = order_new(&o);
	const struct job b = {.number = 1, .experiment = 1, .seed = 1};
	const struct plan_entry *d = &plan.at[3];
	const struct baseline good = {.rate = 1};
	char *key = baseline_key(d->experiment, d->target, 1);
	struct err e = {0};

	for (size_t i = 0; i < 4; i++)
		next(r, &b); /* b itself waits too: it is the last but one */
	ck_assert_int_ne(next(r, &b), -1);
	ck_assert_int_eq(next(r, &b), -1);
	order_free(r);
	ck_assert_int_eq(baseline_save(dir, dir, key, &good, dir, &e), 0);
	r = order_new(&o);
	ck_assert_int_eq(next(r, &b), 1);
	ck_assert_int_eq(next(r, &b), 3); /* the good day is known */
	order_free(r);
	free(key);
}
END_TEST

START_TEST(each_exactly_once)
{
	struct suite_opts o = opts(7, 3);
	struct order *r = order_new(&o);
	bool seen[35] = {false};
	struct job under_way = {.experiment = 1, .seed = 1}, j;
	const struct job *const all[] = {&under_way};
	size_t n = 0;

	for (; order_next(r, all, 1, &j); n++, under_way = j) {
		ck_assert(j.number >= 0 && j.number < 35 && !seen[j.number]);
		ck_assert_int_eq(j.experiment, j.number / 7);
		ck_assert_int_eq(j.seed, 1 + j.number % 7);
		seen[j.number] = true;
	}
	ck_assert_uint_eq(n, 35);
	order_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("explore/order");
	TCase *t = tcase_create("all");

	tcase_add_unchecked_fixture(t, setup, teardown);
	tcase_add_test(t, one_after_the_other);
	tcase_add_test(t, longest_first);
	tcase_add_test(t, nobody_runs_it_twice);
	tcase_add_test(t, nothing_else_or_known);
	tcase_add_test(t, each_exactly_once);
	suite_add_tcase(s, t);
	return suite_main(s);
}
