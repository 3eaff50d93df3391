/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triggers: `when:` evaluated against a made-up morning. The fault is noop, so
 * no stage is needed; what happened is read back from the event log.
 */
#include <check.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"
#include "conf/experiment.h"
#include "faults/fault.h"
#include "ledger/ledger.h"
#include "trial/trigger.h"
#include "tests/unit/suite.h"

struct noop_like {
	char *label;
};

struct morning {
	char dir[64];
	struct loop *loop;
	struct ledger *ledger;
	struct experiment x;
	struct target target;
	struct conf_item items[4];
	struct noop_like opts[4];
	struct triggers *triggers;
	struct ledgers read;
};

static const struct conf_kind *kind_of(const char *name)
{
	size_t n;
	const struct conf_kind *k = fault_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(k[i].name, name))
			return &k[i];
	ck_abort_msg("no fault %s", name);
	return NULL;
}

static struct when when_none(void)
{
	struct when w = { .at = { -1, DOMAIN_SHOP }, .for_ = { -1, DOMAIN_SHOP }, .after_sales = -1,
			  .for_sales = -1, .nth = { INT64_MIN, 0, 1 }, .probability = -1 };
	return w;
}

static void morning_open(struct morning *m, size_t faults)
{
	struct err e = { 0 };

	strcpy(m->dir, "/tmp/wd-trigger-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(m->dir));
	ck_assert_int_eq(loop_new(&m->loop, &e), 0);
	ck_assert_int_eq(ledger_open(&m->ledger, m->dir, clock_now(), &e), 0);
	m->x.faults = m->items;
	m->x.faults_count = faults;
	if (!m->x.shoppers.pace_milli)
		m->x.shoppers.pace_milli = 1000;
	for (size_t i = 0; i < faults; i++) {
		m->opts[i].label = m->opts[i].label ? m->opts[i].label : (char []){ "x" };
		m->items[i].kind = kind_of("noop");
		m->items[i].opts = &m->opts[i];
	}
	ck_assert_int_eq(triggers_new(&m->triggers,
				      &(struct triggers_in){ .experiment = &m->x,
							     .target = &m->target,
							     .loop = m->loop,
							     .ledger = m->ledger,
							     .seed = 7 }, &e), 0);
	triggers_open(m->triggers, clock_now());
}

static void morning_run(struct morning *m, int64_t ns)
{
	bool stop = false;

	loop_run_until(m->loop, &stop, clock_now() + ns);
}

static void sell(struct morning *m, int count, int outcome)
{
	for (int i = 0; i < count; i++)
		triggers_told(m->triggers, &(struct told){ .key = "k", .lane = "lane-1",
							   .outcome = outcome });
}

static int count_events(const struct morning *m, int kind, int fault)
{
	int n = 0;

	for (size_t i = 0; i < m->read.event_count; i++)
		n += m->read.event[i].kind == kind && m->read.event[i].fault == fault;
	return n;
}

static void morning_close(struct morning *m)
{
	struct err e = { 0 };

	triggers_heal(m->triggers);
	ck_assert_ptr_null(triggers_error(m->triggers));
	ck_assert_int_eq(triggers_active(m->triggers), 0);
	triggers_free(m->triggers);
	ck_assert_int_eq(ledger_close(m->ledger, &e), 0);
	ck_assert_msg(ledgers_load(&m->read, m->dir, &e) == 0, "%s", e.msg);
	loop_free(m->loop);
}

static void morning_done(struct morning *m)
{
	cleanup_free char *cmd = xasprintf("rm -rf %s", m->dir);

	ledgers_done(&m->read);
	ck_assert_int_eq(system(cmd), 0);
}

START_TEST(no_when_arms_at_opening)
{
	struct morning m = { 0 };

	m.items[0].when = when_none();
	morning_open(&m, 1);
	morning_run(&m, 5 * NS_PER_MS);
	morning_close(&m);
	ck_assert_int_eq(count_events(&m, EV_ARMED, 0), 1);
	ck_assert_int_eq(count_events(&m, EV_FIRED, 0), 1);
	ck_assert_int_eq(count_events(&m, EV_HEALED, 0), 1);
	morning_done(&m);
}
END_TEST

START_TEST(at_and_for_are_scaled_by_pace)
{
	struct morning m = { 0 };
	int64_t armed = 0, healed = 0;

	m.items[0].when = when_none();
	m.items[0].when.at = (struct dur){ 2 * NS_PER_S, DOMAIN_SHOP };
	m.items[0].when.for_ = (struct dur){ 4 * NS_PER_S, DOMAIN_SHOP };
	m.x.shoppers.pace_milli = 100000; /* 100x: 20 ms and 40 ms */
	morning_open(&m, 1);
	morning_run(&m, 120 * NS_PER_MS);
	morning_close(&m);
	for (size_t i = 0; i < m.read.event_count; i++) {
		if (m.read.event[i].kind == EV_ARMED)
			armed = m.read.event[i].t_ns;
		if (m.read.event[i].kind == EV_HEALED)
			healed = m.read.event[i].t_ns;
	}
	ck_assert_int_gt(armed, 0);
	ck_assert_int_ge(healed - armed, 39 * NS_PER_MS);
	morning_done(&m);
}
END_TEST

START_TEST(after_sales_for_sales)
{
	struct morning m = { 0 };

	m.items[0].when = when_none();
	m.items[0].when.after_sales = 5;
	m.items[0].when.for_sales = 3;
	morning_open(&m, 1);
	morning_run(&m, NS_PER_MS);
	sell(&m, 4, TOLD_OK);
	sell(&m, 9, TOLD_UNKNOWN); /* only sales told ok count */
	ck_assert_int_eq(triggers_active(m.triggers), 0);
	sell(&m, 1, TOLD_OK);
	ck_assert_int_eq(triggers_active(m.triggers), 1);
	sell(&m, 2, TOLD_OK);
	ck_assert_int_eq(triggers_active(m.triggers), 1);
	sell(&m, 1, TOLD_OK);
	ck_assert_int_eq(triggers_active(m.triggers), 0);
	sell(&m, 20, TOLD_OK);
	morning_close(&m);
	ck_assert_int_eq(count_events(&m, EV_ARMED, 0), 1);
	morning_done(&m);
}
END_TEST

/* nth is 1-based over matching events since the trigger opened: {range, events, expected arms} */
static const struct {
	struct range nth;
	int events, arms;
} nth_table[] = {
	{ { 3, 3, 1 }, 10, 1 },
	{ { 2, 20, 3 }, 10, 3 }, /* 2, 5, 8 */
	{ { 1, INT64_MAX, 1 }, 4, 4 },
	{ { 11, 11, 1 }, 10, 0 },
	{ { INT64_MIN, 0, 1 }, 6, 6 },
};

START_TEST(on_told_nth)
{
	struct morning m = { 0 };

	m.items[0].when = when_none();
	m.items[0].when.on = ON_TOLD;
	m.items[0].when.word = (char []){ "ok" };
	m.items[0].when.nth = nth_table[_i].nth;
	morning_open(&m, 1);
	sell(&m, 5, TOLD_OK); /* the shop opens with the first arrival: not counted before */
	morning_run(&m, NS_PER_MS);
	sell(&m, 5, TOLD_REFUSED);
	sell(&m, nth_table[_i].events, TOLD_OK);
	morning_close(&m);
	ck_assert_int_eq(count_events(&m, EV_ARMED, 0), nth_table[_i].arms);
	ck_assert_int_eq(count_events(&m, EV_FIRED, 0), nth_table[_i].arms);
	morning_done(&m);
}
END_TEST

START_TEST(probability_is_a_pure_function_of_the_seed)
{
	int arms[2];

	for (int round = 0; round < 2; round++) {
		struct morning m = { 0 };

		m.items[0].when = when_none();
		m.items[0].when.on = ON_TOLD;
		m.items[0].when.word = (char []){ "ok" };
		m.items[0].when.probability = 0.25;
		morning_open(&m, 1);
		morning_run(&m, NS_PER_MS);
		sell(&m, 400, TOLD_OK);
		morning_close(&m);
		arms[round] = count_events(&m, EV_ARMED, 0);
		morning_done(&m);
	}
	ck_assert_int_eq(arms[0], arms[1]);
	ck_assert_int_gt(arms[0], 60); /* 100 expected, sd 8.7 */
	ck_assert_int_lt(arms[0], 140);
}
END_TEST

START_TEST(log_lines_and_fault_events)
{
	struct morning m = { 0 };

	m.items[0].when = when_none();
	m.items[0].when.on = ON_LOG;
	m.items[0].when.word = (char []){ "lane-*/till" };
	m.items[0].when.pattern = (char []){ "paying key=S\\d+" };
	m.items[1].when = when_none();
	m.items[1].when.on = ON_FAULT;
	m.items[1].when.word = (char []){ "noop" };
	m.items[1].when.word2 = (char []){ "fired" };
	m.items[1].when.nth = (struct range){ 1, 1, 1 }; /* or it would feed on itself */
	morning_open(&m, 2);
	morning_run(&m, NS_PER_MS);
	triggers_log(m.triggers, "store", "store/store", "paying key=S1", 13);
	triggers_log(m.triggers, "lane-1", "lane-1/till", "nothing", 7);
	triggers_log(m.triggers, "lane-1", "lane-1/till", "paying key=S1", 13);
	morning_close(&m);
	ck_assert_int_eq(count_events(&m, EV_ARMED, 0), 1);
	ck_assert_int_eq(count_events(&m, EV_ARMED, 1), 1);
	for (size_t i = 0; i < m.read.event_count; i++)
		if (m.read.event[i].kind == EV_FIRED)
			ck_assert_str_eq(m.read.event[i].node, "lane-1");
	morning_done(&m);
}
END_TEST

START_TEST(nothing_arms_after_the_heal)
{
	struct morning m = { 0 };

	m.items[0].when = when_none();
	m.items[0].when.on = ON_TOLD;
	m.items[0].when.word = (char []){ "ok" };
	morning_open(&m, 1);
	morning_run(&m, NS_PER_MS);
	triggers_heal(m.triggers);
	sell(&m, 3, TOLD_OK);
	morning_close(&m);
	ck_assert_int_eq(count_events(&m, EV_ARMED, 0), 0);
	morning_done(&m);
}
END_TEST

START_TEST(the_table_is_complete_and_sorted)
{
	struct err e = { 0 };

	ck_assert_msg(fault_table_check(&e) == 0, "%s", e.msg);
	ck_assert_uint_ge(fault_table_count, 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trigger");
	TCase *tc = tcase_create("when");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, no_when_arms_at_opening);
	tcase_add_test(tc, at_and_for_are_scaled_by_pace);
	tcase_add_test(tc, after_sales_for_sales);
	tcase_add_loop_test(tc, on_told_nth, 0, (int)ARRAY_SIZE(nth_table));
	tcase_add_test(tc, probability_is_a_pure_function_of_the_seed);
	tcase_add_test(tc, log_lines_and_fault_events);
	tcase_add_test(tc, nothing_arms_after_the_heal);
	tcase_add_test(tc, the_table_is_complete_and_sorted);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
