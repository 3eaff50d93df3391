/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: shops by name (`shoppers: {like: ...}`). Expected: each is valid as it stands and has
 * about the sales that its help says; what a file says itself stays. Buggy result: a preset that
 * is refused, or one that overrides the file.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "conf/crowd_rows.h"
#include "faults/fault.h"
#include "judge/judge.h"
#include "suite.h"

static struct experiment *load(const char *shoppers, struct diag *diag)
{
	char path[] = "/tmp/wd-day-XXXXXX";
	int fd = mkstemp(path);
	struct conf_catalog cat = {0};
	struct strlist sets = {0};
	struct experiment *x;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(
		dprintf(fd, "target: t\nchecks: [no-hang]\nshoppers: {%s}\n", shoppers), 0);
	close(fd);
	cat.faults = fault_kinds(&cat.faults_count);
	cat.checks = check_kinds(&cat.checks_count);
	x = experiment_load(path, &cat, &sets, diag);
	unlink(path);
	return x;
}

static struct experiment *good(const char *shoppers)
{
	struct diag *diag = diag_new();
	struct experiment *x = load(shoppers, diag);
	struct buf said = {0};

	diag_render(diag, &said);
	ck_assert_msg(x != NULL, "%s: %s", shoppers, said.data);
	diag_free(diag);
	buf_done(&said);
	return x;
}

START_TEST(each_is_valid)
{
	static const double sales[] = {1750, 2200, 350, 350 + 47 * 15};
	char *text = xasprintf("like: %s", preset_names[_i].name);
	struct experiment *x = good(text);
	double n = shoppers_expected(&x->shoppers), items = 0;

	ck_assert_msg(fabs(n - sales[_i]) < .02 * sales[_i], "%s: %.0f", text, n);
	ck_assert_int_gt(x->shoppers.count, (int64_t)n);
	ck_assert_int_lt(x->shoppers.count, (int64_t)(2 * n));
	for (size_t i = 0; i < x->shoppers.basket.count; i++)
		items += x->shoppers.basket.part[i].share *
			 (double)(x->shoppers.basket.part[i].range.first +
				  x->shoppers.basket.part[i].range.last) / 2;
	ck_assert_msg(_i > 1 || (items > 9 && items < 10), "%.1f articles on average", items);
	experiment_free(x);
	free(text);
}
END_TEST

START_TEST(the_file_wins)
{
	struct experiment *x = good("like: supermarket-weekday, basket: 2..3, patience: never, "
				    "arrivals: poisson 240/d, play: 16..17, count: 9");

	ck_assert_uint_eq(x->shoppers.basket.count, 0);
	ck_assert_int_eq(x->shoppers.basket.range.last, 3);
	ck_assert_int_eq(x->shoppers.patience.all.ns, -1);
	ck_assert_uint_eq(x->shoppers.patience.count, 0);
	ck_assert_int_eq(x->shoppers.count, 9);
	ck_assert_uint_eq(x->shoppers.pay.count, 5);
	ck_assert_int_eq(shoppers_open_ns(&x->shoppers), INT64_C(3600000000000));
	experiment_free(x);
	/* arrivals of one's own, by the minute: the preset's hours mean nothing then */
	x = good("like: supermarket-weekday, arrivals: poisson 4/min, count: 10");
	ck_assert_int_eq(x->shoppers.hours.to, 0);
	ck_assert_int_eq(shoppers_open_ns(&x->shoppers), -1);
	experiment_free(x);
}
END_TEST

START_TEST(some_is_needed)
{
	struct diag *diag = diag_new();

	ck_assert_ptr_null(load("like: convenience, hours: {8: 50%, 9: 40%}", diag));
	ck_assert_uint_eq(diag_errors(diag), 1);
	diag_free(diag);
	diag = diag_new();
	ck_assert_ptr_null(load("like: convenience, arrivals: poisson 4/min", diag));
	ck_assert_uint_ge(diag_errors(diag), 1); /* never closes, and no count */
	diag_free(diag);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("conf/day");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, each_is_valid, 0, 4);
	tcase_add_test(t, the_file_wins);
	tcase_add_test(t, some_is_needed);
	suite_add_tcase(s, t);
	return suite_main(s);
}
