/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two back ends of faults on links: that the table of both is whole and its texts mean
 * something, and what netem is told and what its counters mean. Needs no netem.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "conf/experiment.h"
#include "faults/backend.h"
#include "wire/netem.h"
#include "tests/unit/suite.h"

static const char *const both[] = { "net.corrupt", "net.delay", "net.drop", "net.duplicate",
				    "net.rate", "net.reorder" };

static const struct fault_ops *fault(const char *name)
{
	for (size_t i = 0; i < fault_table_count; i++)
		if (str_eq(fault_table[i]->name, name))
			return fault_table[i];
	ck_abort_msg("no fault %s", name);
	return NULL;
}

static const struct opt *option(const struct fault_ops *f, const char *name)
{
	const struct opt *row = f->opts.rows;

	while (row->type != OPT_END_ && !str_eq(row->name, name))
		row++;
	return row->type == OPT_END_ ? NULL : row;
}

/* ---- the table ---- */

START_TEST(those_with_a_choice)
{
	size_t n = 0;

	for (size_t i = 0; i < fault_table_count; i++)
		n += backend_has(fault_table[i]);
	ck_assert_uint_eq(n, sizeof(both) / sizeof(*both));
	ck_assert(backend_has(fault(both[_i])));
}
END_TEST

START_TEST(every_option_has_a_row)
{
	const struct fault_ops *f = fault(both[_i]);

	for (const struct opt *row = f->opts.rows; row->type != OPT_END_; row++) {
		const struct backend_row *b = backend_row_for(f->name, row->name);

		ck_assert_msg(b && b->wire && b->netem, "%s.%s is not in the table", f->name,
			      row->name);
	}
}
END_TEST

/* A row about an option that is no more, or a bound that does not parse, would refuse nothing. */
START_TEST(every_row_has_an_option)
{
	const struct backend_row *b = &backend_table[_i];
	const char *name = str_eq(b->fault, "*") ? "net.drop" : b->fault;
	const struct opt *row = option(fault(name), b->option);
	const char *texts[] = { b->only, b->min, b->max };
	char why[128];

	if (str_eq(b->fault, "*") && !row) {
		ck_assert(!b->min && !b->max);
		return; /* seed, events, heal, when.nth */
	}
	ck_assert_msg(row, "%s has no option %s", name, b->option);
	ck_assert(!b->only || (!b->min && !b->max));
	for (size_t i = 0; i < 3; i++) {
		struct opt free_row = *row;
		struct dur largest[2];

		free_row.min = free_row.max = NULL;
		if (texts[i] && row->type != OPT_STRLIST)
			ck_assert_msg(opt_value(&free_row, texts[i], largest, why, sizeof(why)) ==
				      0, "%s.%s: %s: %s", name, b->option, texts[i], why);
	}
}
END_TEST

START_TEST(help_shows_both)
{
	struct buf b = { 0 };

	backend_help(fault(both[_i]), 2, &b);
	ck_assert_ptr_nonnull(strstr(b.data, "wire: "));
	ck_assert_ptr_nonnull(strstr(b.data, "not replayable"));
	buf_reset(&b);
	backend_help(fault("net.mtu"), 2, &b);
	ck_assert_uint_eq(b.len, 0);
	buf_done(&b);
}
END_TEST

/* ---- which packets ---- */

START_TEST(directions)
{
	struct wire_rule r = { .a = { 1 << 1 | 1 << 2 }, .b = { 1 << 0 }, .way = WIRE_BOTH };

	ck_assert(netem_acts(&r, 1, 0) && netem_acts(&r, 0, 1) && netem_acts(&r, 2, 0));
	ck_assert(!netem_acts(&r, 1, 2) && !netem_acts(&r, 0, 3));
	r.way = WIRE_TO;
	ck_assert(netem_acts(&r, 1, 0) && !netem_acts(&r, 0, 1));
	r.way = WIRE_FROM;
	ck_assert(!netem_acts(&r, 1, 0) && netem_acts(&r, 0, 1));
	r = (struct wire_rule){ .a = { 0, 0, 0, 1 }, .b = { 0, 1 } };
	ck_assert(netem_acts(&r, 192, 64) && netem_acts(&r, 64, 192));
}
END_TEST

START_TEST(plans_add_up)
{
	struct netem_plan p = { 0 };

	netem_plan_add(&p, &(struct wire_rule){ .effect = WIRE_DROP, .chance = 0.2 });
	netem_plan_add(&p, &(struct wire_rule){ .effect = WIRE_DELAY, .chance = 1,
						.delay_ns = 5, .jitter_ns = 2, .overtake = true });
	netem_plan_add(&p, &(struct wire_rule){ .effect = WIRE_RATE, .bytes_per_s = 7,
						.queue_bytes = 8, .burst_bytes = 9 });
	netem_plan_add(&p, &(struct wire_rule){ .effect = WIRE_CORRUPT, .chance = 0.1 });
	ck_assert(fabs(p.loss - 0.2) < 1e-12 && fabs(p.corrupt - 0.1) < 1e-12 && p.overtake);
	ck_assert_int_eq(p.delay_ns, 5);
	ck_assert_int_eq(p.bytes_per_s, 7);
	ck_assert(p.duplicate <= 0 && p.burst_leave <= 0 && p.held >= 1);
}
END_TEST

/* ---- what the counters mean ---- */

static const struct {
	uint32_t effect;
	double chance;
	struct netem_counts now;
	uint64_t hits;
	enum wire_counted counted;
} counts[] = {
	{ WIRE_DROP, 0.2, { .passed = 80, .lost = 20 }, 20, COUNTED },
	{ WIRE_DROP, 0.2, { .passed = 80 }, 0, COUNTED },
	{ WIRE_DELAY, 1, { .passed = 80, .lost = 20 }, 80, COUNTED },
	{ WIRE_RATE, 1, { .passed = 80, .queue_full = 3, .waited = 4 }, 7, COUNTED },
	{ WIRE_RATE, 1, { .passed = 80 }, 0, COUNTED },
	/* one in four held back: certain after 73 packets, 0.75^72 > 1e-9 */
	{ WIRE_DELAY, 0.25, { .passed = 72 }, 0, INFERRED },
	{ WIRE_DELAY, 0.25, { .passed = 73 }, 18, INFERRED },
	{ WIRE_CORRUPT, 0.5, { .passed = 29 }, 0, INFERRED },
	{ WIRE_CORRUPT, 0.5, { .passed = 30 }, 15, INFERRED },
	{ WIRE_CORRUPT, 1, { .passed = 1 }, 1, INFERRED },
	{ WIRE_CORRUPT, 1, { .passed = 0 }, 0, INFERRED },
	{ WIRE_CORRUPT, 0, { .passed = 1000000 }, 0, INFERRED },
	{ WIRE_DUPLICATE, 1, { .passed = 10 }, 5, INFERRED },
	{ WIRE_DUPLICATE, 0.1, { .passed = 100 }, 0, INFERRED },
	{ WIRE_DUPLICATE, 0.1, { .passed = 1100 }, 100, INFERRED },
};

START_TEST(hits)
{
	struct wire_rule r = { .effect = counts[_i].effect, .chance = counts[_i].chance };
	struct netem_counts then = { .passed = 1000, .lost = 100, .queue_full = 50, .waited = 7 };
	struct netem_counts now = counts[_i].now;

	now.passed += then.passed;
	now.lost += then.lost;
	now.queue_full += then.queue_full;
	now.waited += then.waited;
	ck_assert_uint_eq(netem_hits(&r, &then, &now, netem_packets(&r, &then, &now)),
			  counts[_i].hits);
	ck_assert_int_eq(netem_counted(&r), counts[_i].counted);
}
END_TEST

/* Few packets in each direction, enough in all: then each tells its share. */
START_TEST(hits_of_many_links)
{
	struct wire_rule r = { .effect = WIRE_CORRUPT, .chance = 0.5 };
	struct netem_counts then = { 0 }, now = { .passed = 10 };

	ck_assert_uint_eq(netem_hits(&r, &then, &now, 20), 0);
	ck_assert_uint_eq(netem_hits(&r, &then, &now, 30), 5);
}
END_TEST

/* ---- the tables of delays ---- */

START_TEST(delay_tables)
{
	static const struct {
		int shape;
		double mean, deviation; /* in jitters */
	} want[] = {
		{ WIRE_UNIFORM, 0, 0.57735 }, { WIRE_NORMAL, 0, 1 }, { WIRE_EXPONENTIAL, 1, 1 },
	};
	double wide, sum = 0, square = 0;
	int16_t t[4096];

	wide = netem_delays(want[_i].shape, t, 4096);
	for (size_t i = 0; i < 4096; i++) {
		double x = t[i] * wide / 8192;

		ck_assert(!i || t[i] >= t[i - 1]);
		sum += x;
		square += x * x;
	}
	sum /= 4096;
	square = sqrt(square / 4096 - sum * sum);
	ck_assert_msg(fabs(sum - want[_i].mean) < 0.005, "mean %f", sum);
	ck_assert_msg(fabs(square - want[_i].deviation) < 0.01, "deviation %f", square);
	if (want[_i].shape == WIRE_NORMAL) /* the upper quartile */
		ck_assert_double_eq_tol(t[3072] / 8192.0, 0.6745, 0.002);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("backend");
	TCase *table = tcase_create("table"), *netem = tcase_create("netem");

	tcase_add_loop_test(table, those_with_a_choice, 0, 6);
	tcase_add_loop_test(table, every_option_has_a_row, 0, 6);
	tcase_add_loop_test(table, every_row_has_an_option, 0, (int)backend_table_count);
	tcase_add_loop_test(table, help_shows_both, 0, 6);
	tcase_add_test(netem, directions);
	tcase_add_test(netem, plans_add_up);
	tcase_add_loop_test(netem, hits, 0, (int)(sizeof(counts) / sizeof(*counts)));
	tcase_add_test(netem, hits_of_many_links);
	tcase_add_loop_test(netem, delay_tables, 0, 3);
	suite_add_tcase(s, table);
	suite_add_tcase(s, netem);
	return suite_main(s);
}
