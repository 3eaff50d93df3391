// SPDX-License-Identifier: Apache-2.0
/*
 * The crowd against a driver whose answers the test decides: what a shopper
 * lives through, lanes that die and come back, taps, patience, trains, and
 * queueing theory as an oracle.
 */
#include <check.h>
#include <errno.h>
#include <math.h>

#include "check_crowd.h"
#include "tests/unit/suite.h"

/* ---- a driver that does as it is told ---- */

enum fake_how { SAY_OK, SAY_REFUSED, SAY_UNKNOWN, SAY_DEAD, SAY_NOTHING };

struct fake;
struct fake_ask {
	struct fake_ask *next;
	struct fake *fake;
	struct ask *ask;
	struct loop_timer timer;
	int how;
};

struct fake {
	struct kit *kit;
	bool can[ACTIONS_COUNT];
	/* what to answer; *delay_ns 0: at once */
	int (*how)(struct fake *f, const struct ask *a, int64_t *delay_ns);
	struct fake_ask *flying;
	struct buf log; /* "pay S0; " in order of asking */
	unsigned asked[ACTIONS_COUNT], cancelled, flying_now, flying_max;
	bool dead[KIT_LANES_MAX];
	int64_t delay_ns;
	unsigned left;
};
static struct fake *fake_next; /* make() has no argument of the test's */

static int fake_make(void **ret, const struct driver_init *in, struct err *e)
{
	(void)in;
	(void)e;
	*ret = fake_next;
	return 0;
}

static int fake_start(void *d, struct err *e)
{
	(void)d;
	(void)e;
	return 0;
}

static bool fake_can(const void *d, enum action a)
{
	return ((const struct fake *)d)->can[a];
}

static void fake_say(struct ask *a, int how)
{
	static const char *const errors[] = { NULL, "declined", "HTTP 503", "reset" };
	struct answer r = { .at_ns = clock_now(), .total = -1, .error = errors[how] };

	r.outcome = how == SAY_OK ? TOLD_OK : how == SAY_REFUSED ? TOLD_REFUSED : TOLD_UNKNOWN;
	r.transport = how == SAY_DEAD;
	if (how == SAY_OK && (a->action == ACT_PAY || a->action == ACT_SELL)) {
		r.receipt = "1-17";
		r.total = a->amount;
	}
	a->answered(a, &r);
}

static void fake_land(struct fake_ask *x)
{
	struct fake_ask **at = &x->fake->flying;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	x->fake->flying_now--;
	x->ask->priv = NULL;
	loop_timer_cancel(x->fake->kit->loop, &x->timer);
}

static void fake_fire(struct loop_timer *t, int64_t now)
{
	struct fake_ask *x = (struct fake_ask *)((char *)t - offsetof(struct fake_ask, timer));
	struct ask *a = x->ask;
	int how = x->how;

	(void)now;
	fake_land(x);
	free(x);
	fake_say(a, how);
}

static void fake_perform(void *d, struct ask *a)
{
	struct fake *f = d;
	int64_t delay = f->delay_ns;
	int how = SAY_OK;
	struct fake_ask *x;

	f->asked[a->action]++;
	buf_printf(&f->log, "%s %s@%u; ", action_names[a->action], a->key ? a->key : "-",
		   a->lane + 1);
	if (f->how)
		how = f->how(f, a, &delay);
	if (f->dead[a->lane])
		how = SAY_DEAD;
	if (how != SAY_NOTHING && delay == 0) {
		fake_say(a, how);
		return;
	}
	x = xcalloc(1, sizeof(*x));
	*x = (struct fake_ask){ .next = f->flying, .fake = f, .ask = a, .how = how,
				.timer.fire = fake_fire };
	f->flying = x;
	a->priv = x;
	if (++f->flying_now > f->flying_max)
		f->flying_max = f->flying_now;
	if (how != SAY_NOTHING)
		loop_timer_at(f->kit->loop, &x->timer, clock_now() + delay);
}

static void fake_cancel(void *d, struct ask *a)
{
	struct fake *f = d;

	f->cancelled++;
	if (a->priv) {
		struct fake_ask *x = a->priv;

		fake_land(x);
		free(x);
	}
}

static void fake_probe(void *d, struct ask *a)
{
	struct fake *f = d;

	fake_say(a, f->dead[a->lane] ? SAY_DEAD : SAY_OK);
}

static void fake_leave(void *d, unsigned lane)
{
	(void)lane;
	((struct fake *)d)->left++;
}

static void fake_free(void *d)
{
	(void)d;
}

static const struct driver_ops fake_ops = {
	.name = "fake", .make = fake_make, .start = fake_start, .can = fake_can,
	.perform = fake_perform, .cancel = fake_cancel, .probe = fake_probe,
	.leave = fake_leave, .free = fake_free,
};

/* ---- a shop with it ---- */

static struct kit k;
static struct fake f;

static void setup(void)
{
	memset(&f, 0, sizeof(f));
	f.kit = &k;
	f.can[ACT_SCAN] = f.can[ACT_TOTAL] = f.can[ACT_PAY] = true;
	kit_init(&k, 1);
}

static void lanes(unsigned n)
{
	loop_free(k.loop);
	kit_init(&k, n);
}

static void open_shop(void)
{
	struct err e = { 0 };

	fake_next = &f;
	ck_assert_msg(crowd_new_driver(&k.c, &k.o, &fake_ops, &e) == 0, "%s", e.msg);
	ck_assert_msg(crowd_open(k.c, clock_now() + NS_PER_S, &k.first_ns, &e) == 0, "%s", e.msg);
}

static void shop(void)
{
	open_shop();
	ck_assert_int_eq(kit_run(&k, 20 * NS_PER_S), 0);
}

static void teardown(void)
{
	kit_done(&k);
	ck_assert_uint_eq(f.flying_now, 0);
	buf_done(&f.log);
}

/* ---- the good day ---- */

START_TEST(everybody_is_served_once)
{
	struct crowd_progress p;

	shop();
	ck_assert_uint_eq(k.told_count, 10);
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 10);
	for (size_t i = 0; i < 10; i++) {
		const struct told *t = &k.told[i];
		char key[16];

		snprintf(key, sizeof(key), "S%zu", i);
		ck_assert_str_eq(t->key, key);
		ck_assert_str_eq(t->receipt, "1-17");
		ck_assert_str_eq(t->currency, "EUR");
		ck_assert_int_gt(t->expected, 0);
		ck_assert_int_eq(t->total, t->expected);
		ck_assert_int_eq(t->attempts, 1);
		ck_assert(t->acknowledged && !t->error && t->basket);
		ck_assert_int_le(t->intended_ns, t->start_ns);
		ck_assert_int_le(t->start_ns, t->end_ns);
	}
	crowd_progress(k.c, &p);
	ck_assert(p.finished && p.arrived == 10 && p.ok == 10 && p.queued == 0 && p.at_till == 0);
	ck_assert_uint_eq(f.asked[ACT_PAY], 10);
	ck_assert_uint_eq(f.left, 10);
}
END_TEST

START_TEST(basket_is_what_was_scanned)
{
	unsigned units = 0, prices = 0;

	k.x.shoppers.count = 50;
	shop();
	for (size_t i = 0; i < k.told_count; i++) {
		int a = 0, b = 0, c = 0;
		const char *s = k.told[i].basket;

		if (strstr(s, "4001*"))
			a = atoi(strstr(s, "4001*") + 5);
		if (strstr(s, "4002*"))
			b = atoi(strstr(s, "4002*") + 5);
		if (strstr(s, "4003*"))
			c = atoi(strstr(s, "4003*") + 5);
		units += (unsigned)(a + b + c);
		prices += (unsigned)(a * 129 + b * 50 + c * 999) == k.told[i].expected;
		ck_assert_int_ge(a + b + c, 1);
		ck_assert_int_le(a + b + c, 4);
	}
	ck_assert_uint_eq(units, f.asked[ACT_SCAN]);
	ck_assert_uint_eq(prices, 50);
}
END_TEST

static char *run_log(int64_t seed)
{
	struct kit one;
	struct fake g = { .kit = &one };
	struct buf log = { 0 };

	memcpy(g.can, f.can, sizeof(g.can));
	kit_init(&one, 1);
	one.o.seed = seed;
	one.o.hooks.arg = &one;
	fake_next = &g;
	ck_assert_int_eq(crowd_new_driver(&one.c, &one.o, &fake_ops, NULL), 0);
	ck_assert_int_eq(crowd_open(one.c, clock_now() + NS_PER_S, &one.first_ns, NULL), 0);
	ck_assert_int_eq(kit_run(&one, 20 * NS_PER_S), 0);
	for (size_t i = 0; i < one.told_count; i++)
		buf_printf(&log, "%s %s %s; ", one.told[i].key, one.told[i].basket,
			   one.told[i].tender);
	kit_done(&one);
	buf_done(&g.log);
	return buf_steal(&log);
}

START_TEST(same_seed_same_shoppers)
{
	char *a = run_log(1), *b = run_log(1), *c = run_log(2);

	ck_assert_str_eq(a, b);
	ck_assert_str_ne(a, c);
	free(a);
	free(b);
	free(c);
}
END_TEST

START_TEST(sell_only)
{
	memset(f.can, 0, sizeof(f.can));
	f.can[ACT_SELL] = true;
	shop();
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 10);
	ck_assert_uint_eq(f.asked[ACT_SELL], 10);
	ck_assert_uint_eq(f.asked[ACT_SCAN], 0);
}
END_TEST

START_TEST(neither_pay_nor_sell)
{
	struct err e = { 0 };

	f.can[ACT_PAY] = false;
	fake_next = &f;
	ck_assert_int_eq(crowd_new_driver(&k.c, &k.o, &fake_ops, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "neither pay nor sell"));
	k.c = NULL;
}
END_TEST

/* ---- tries ---- */

static int first_two_pays_unknown(struct fake *x, const struct ask *a, int64_t *delay)
{
	(void)delay;
	return a->action == ACT_PAY && x->asked[ACT_PAY] <= 2 ? SAY_UNKNOWN : SAY_OK;
}

START_TEST(tries_again_with_the_same_key)
{
	k.x.shoppers.count = 1;
	f.how = first_two_pays_unknown;
	shop();
	ck_assert_uint_eq(k.told_count, 1);
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
	ck_assert_int_eq(k.told[0].attempts, 3);
	ck_assert_ptr_null(k.told[0].error);
	ck_assert_ptr_nonnull(strstr(f.log.data, "pay S0@1; pay S0@1; pay S0@1; "));
}
END_TEST

static int pay_unknown(struct fake *x, const struct ask *a, int64_t *delay)
{
	(void)x;
	(void)delay;
	return a->action == ACT_PAY ? SAY_UNKNOWN : SAY_OK;
}

START_TEST(told_unknown_after_all_tries)
{
	k.x.shoppers.count = 2;
	f.how = pay_unknown;
	shop();
	ck_assert_uint_eq(kit_count(&k, TOLD_UNKNOWN), 2);
	ck_assert_int_eq(k.told[0].attempts, 3);
	ck_assert_str_eq(k.told[0].error, "HTTP 503");
	ck_assert_ptr_null(k.lane_log.data); /* somebody answers: the lane is not dead */
}
END_TEST

static int pay_silent(struct fake *x, const struct ask *a, int64_t *delay)
{
	(void)x;
	(void)delay;
	return a->action == ACT_PAY ? SAY_NOTHING : SAY_OK;
}

START_TEST(silence_is_unknown_at_the_timeout)
{
	k.x.shoppers.count = 1;
	k.x.shoppers.retries = 0;
	k.x.shoppers.step_timeout.ns = 30 * NS_PER_MS;
	f.how = pay_silent;
	shop();
	ck_assert_int_eq(k.told[0].outcome, TOLD_UNKNOWN);
	ck_assert_str_eq(k.told[0].error, "no answer within the step timeout");
	ck_assert_str_eq(k.told[0].slowest, "pay");
	ck_assert_int_ge(k.told[0].slowest_ns, 30 * NS_PER_MS);
	ck_assert_uint_eq(f.cancelled, 1);
	ck_assert_ptr_nonnull(strstr(k.lane_log.data, "lane-1 down"));
}
END_TEST

/* ---- refusals ---- */

static int pay_refused(struct fake *x, const struct ask *a, int64_t *delay)
{
	(void)x;
	(void)delay;
	return a->action == ACT_PAY ? SAY_REFUSED : SAY_OK;
}

START_TEST(refused_pay_is_tried_once_more_then_voided)
{
	k.x.shoppers.count = 40;
	f.can[ACT_VOID] = true;
	f.how = pay_refused;
	shop();
	ck_assert_uint_eq(kit_count(&k, TOLD_REFUSED), 40);
	ck_assert_str_eq(k.told[0].error, "declined");
	ck_assert_uint_gt(f.asked[ACT_PAY], 60); /* .75 of them try again */
	ck_assert_uint_lt(f.asked[ACT_PAY], 80);
	ck_assert_uint_eq(f.asked[ACT_VOID], 40);
}
END_TEST

static int pay_unknown_then_refused(struct fake *x, const struct ask *a, int64_t *delay)
{
	(void)delay;
	if (a->action != ACT_PAY)
		return SAY_OK;
	return x->asked[ACT_PAY] == 1 ? SAY_UNKNOWN : SAY_REFUSED;
}

/* The unanswered try may have been booked: calling the sale refused would be a false alarm. */
START_TEST(a_no_after_an_unanswered_try_is_unknown)
{
	k.x.shoppers.count = 1;
	k.x.shoppers.retries = 2;
	f.how = pay_unknown_then_refused;
	shop();
	ck_assert_uint_eq(k.told_count, 1);
	ck_assert_int_eq(k.told[0].outcome, TOLD_UNKNOWN);
}
END_TEST

static int refuse_first_scan(struct fake *x, const struct ask *a, int64_t *delay)
{
	(void)delay;
	return a->action == ACT_SCAN && x->asked[ACT_SCAN] == 1 ? SAY_REFUSED : SAY_OK;
}

START_TEST(unknown_article_stays_here)
{
	k.x.shoppers.count = 1;
	k.x.shoppers.basket.range = (struct range){ 3, 3, 1 };
	f.how = refuse_first_scan;
	shop();
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
	ck_assert_uint_eq(f.asked[ACT_SCAN], 3);
	ck_assert_int_eq(k.told[0].total, k.told[0].expected);
}
END_TEST

START_TEST(nothing_left_to_buy)
{
	k.x.shoppers.count = 1;
	k.x.shoppers.basket.range = (struct range){ 1, 1, 1 };
	f.how = refuse_first_scan;
	shop();
	ck_assert_int_eq(k.told[0].outcome, TOLD_REFUSED);
	ck_assert_uint_eq(f.asked[ACT_PAY], 0);
}
END_TEST

/* ---- lanes that die ---- */

START_TEST(dead_lane_queue_moves)
{
	teardown();
	setup();
	lanes(2);
	k.x.shoppers.count = 30;
	k.x.shoppers.arrivals.per_s = 1e6; /* all are there before anybody is served */
	f.delay_ns = 200 * NS_PER_US;
	f.dead[0] = true;
	shop();
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 30);
	for (size_t i = 0; i < 30; i++)
		ck_assert_str_eq(k.told[i].lane, "lane-2");
	ck_assert_str_eq(k.lane_log.data, "lane-1 down; ");
}
END_TEST

/* Whoever was being served goes on under the same key, and what was scanned is scanned again. */
START_TEST(served_shopper_moves_with_key)
{
	teardown();
	setup();
	lanes(2);
	k.x.shoppers.count = 20;
	k.x.shoppers.arrivals.per_s = 1e6;
	f.dead[0] = true;
	f.can[ACT_RESUME] = f.can[ACT_SUSPEND] = true;
	shop();
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 20);
	ck_assert_ptr_nonnull(strstr(f.log.data, "@1; resume S"));
	ck_assert_uint_eq(f.asked[ACT_RESUME], 1);
}
END_TEST

static int die_after_three(struct fake *x, const struct ask *a, int64_t *delay)
{
	(void)a;
	(void)delay;
	if (x->kit->told_count >= 3 && x->kit->told_count < 6)
		x->dead[0] = true;
	return SAY_OK;
}

static void revive(struct kit *kit, const struct told *t)
{
	(void)t;
	if (kit->told_count == 8)
		f.dead[0] = false;
}

START_TEST(dead_lane_comes_back)
{
	teardown();
	setup();
	lanes(2);
	k.x.shoppers.count = 200;
	k.x.shoppers.arrivals.per_s = 2000;
	k.x.shoppers.pace_milli = 1000 * 1000; /* looked after every 20 ms */
	k.x.shoppers.arrivals.per_s = 2;
	f.how = die_after_three;
	k.on_told = revive;
	shop();
	ck_assert_str_eq(k.lane_log.data, "lane-1 down; lane-1 up; ");
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 200);
	ck_assert_str_eq(k.told[3].lane, "lane-2");
	ck_assert_ptr_nonnull(strstr(f.log.data, "pay S199@"));
}
END_TEST

START_TEST(backup_lane_opens)
{
	teardown();
	setup();
	lanes(2);
	kit_backup(&k, "lane-2");
	f.can[ACT_OPEN_SESSION] = true;
	k.x.shoppers.count = 20;
	f.how = die_after_three;
	shop();
	ck_assert_str_eq(k.lane_log.data, "lane-1 down; lane-2 backup opened; ");
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 20);
	ck_assert_str_eq(k.told[2].lane, "lane-1");
	ck_assert_str_eq(k.told[19].lane, "lane-2");
	ck_assert_ptr_nonnull(strstr(f.log.data, "open-session -@2"));
}
END_TEST

/* All are queueing when the backup opens: they spread, nobody is lost, order is kept. */
START_TEST(shoppers_come_over)
{
	size_t at[4] = { 0 };

	teardown();
	setup();
	lanes(3);
	kit_backup(&k, "lane-3");
	f.can[ACT_OPEN_SESSION] = true;
	k.x.shoppers.count = 60;
	k.x.shoppers.arrivals.per_s = 1e6;
	f.delay_ns = 300 * NS_PER_US;
	f.how = die_after_three;
	shop();
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 60);
	for (size_t i = 0; i < 60; i++)
		at[k.told[i].lane[5] - '0']++;
	ck_assert_uint_ge(at[2], 20);
	ck_assert_uint_ge(at[3], 20);
}
END_TEST

START_TEST(no_open_lane)
{
	k.x.shoppers.count = 20;
	k.x.shoppers.patience.all = kit_dur(50 * NS_PER_MS, DOMAIN_SYSTEM);
	f.how = die_after_three;
	shop();
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 3);
	ck_assert_uint_eq(kit_count(&k, TOLD_UNKNOWN), 1);
	ck_assert_uint_eq(k.left_count, 16);
	for (size_t i = 0; i < 16; i++)
		ck_assert_str_eq(k.left[i].why, "no open lane");
}
END_TEST

START_TEST(open_session_in_vain)
{
	struct err e = { 0 };
	int64_t first;

	f.can[ACT_OPEN_SESSION] = true;
	f.dead[0] = true;
	fake_next = &f;
	ck_assert_int_eq(crowd_new_driver(&k.c, &k.o, &fake_ops, &e), 0);
	ck_assert_int_eq(crowd_open(k.c, clock_now() + 50 * NS_PER_MS, &first, &e), -EPROTO);
	ck_assert_str_eq(e.msg, "lane-1: open-session: reset");
}
END_TEST

/* ---- patience, trains ---- */

static int pay_slow(struct fake *x, const struct ask *a, int64_t *delay)
{
	(void)x;
	*delay = a->action == ACT_PAY ? 100 * NS_PER_MS : 0;
	return SAY_OK;
}

START_TEST(patience_ends)
{
	k.x.shoppers.count = 10;
	k.x.shoppers.patience.all = kit_dur(50 * NS_PER_MS, DOMAIN_SYSTEM);
	f.how = pay_slow;
	shop();
	ck_assert_uint_eq(k.told_count, 1);
	ck_assert_uint_eq(k.left_count, 9);
	for (size_t i = 0; i < 9; i++) {
		ck_assert_str_eq(k.left[i].why, "patience");
		ck_assert_int_ge(k.left[i].left_ns - k.left[i].intended_ns, 50 * NS_PER_MS);
	}
}
END_TEST

START_TEST(trains_leave)
{
	struct crowd_progress p;

	k.x.shoppers.count = 4;
	k.x.shoppers.train = 1;
	k.x.shoppers.train_slack = kit_dur(150 * NS_PER_MS, DOMAIN_SYSTEM);
	f.how = pay_slow;
	shop();
	ck_assert(!k.told[0].train_missed); /* 100 ms, 200 ms, ... */
	ck_assert(k.told[1].train_missed && k.told[3].train_missed);
	crowd_progress(k.c, &p);
	ck_assert_int_eq(p.missed, 3);
}
END_TEST

/* The till's 100 ms per sale pile up, and nobody arrives later because of it. */
START_TEST(arrivals_do_not_wait)
{
	k.x.shoppers.count = 5;
	k.x.shoppers.arrivals.per_s = 100;
	f.how = pay_slow;
	shop();
	for (size_t i = 0; i < 5; i++) {
		int64_t want = (int64_t)i * 10 * NS_PER_MS;

		ck_assert_int_eq(k.told[i].intended_ns - k.told[0].intended_ns, want);
		ck_assert_int_ge(k.told[i].end_ns - k.told[i].intended_ns,
				 (int64_t)(i + 1) * 90 * NS_PER_MS);
		ck_assert_int_lt(k.told[i].system_ns, 150 * NS_PER_MS);
	}
}
END_TEST

/* ---- taps ---- */

START_TEST(impatient_tap)
{
	k.x.shoppers.count = 3;
	k.x.shoppers.retap = 1;
	f.how = pay_slow;
	shop();
	ck_assert_uint_eq(k.told_count, 3);
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 3);
	ck_assert_uint_eq(f.asked[ACT_PAY], 6);
	ck_assert_uint_eq(f.flying_max, 2); /* the next shopper waits until both are in */
	ck_assert_uint_eq(f.cancelled, 0);
	ck_assert_int_eq(k.told[0].attempts, 2);
}
END_TEST

static int second_tap_wins(struct fake *x, const struct ask *a, int64_t *delay)
{
	if (a->action != ACT_PAY)
		return SAY_OK;
	*delay = x->asked[ACT_PAY] % 2 ? 20 * NS_PER_MS : 40 * NS_PER_MS;
	return x->asked[ACT_PAY] % 2 ? SAY_REFUSED : SAY_OK;
}

START_TEST(refused_tap_waits_for_the_other)
{
	k.x.shoppers.count = 1;
	k.x.shoppers.retap = 1;
	f.how = second_tap_wins;
	shop();
	ck_assert_uint_eq(k.told_count, 1);
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
}
END_TEST

static void nothing_since(struct kit *kit, const struct told *t)
{
	char want[32];
	size_t n = (size_t)snprintf(want, sizeof(want), "pay %s@1; ", t->key);

	(void)kit;
	ck_assert_uint_ge(f.log.len, n);
	ck_assert_str_eq(f.log.data + f.log.len - n, want);
}

START_TEST(told_comes_before_anything_else)
{
	f.delay_ns = NS_PER_MS;
	k.on_told = nothing_since;
	shop();
	ck_assert_uint_eq(k.told_count, 10);
}
END_TEST

/* ---- void, refund, suspend ---- */

START_TEST(some_void)
{
	k.x.shoppers.void_share = 1;
	f.can[ACT_VOID] = true;
	shop();
	ck_assert_uint_eq(k.told_count, 10);
	ck_assert_str_eq(k.told[0].kind, "void");
	ck_assert_str_eq(k.told[0].key, "S0");
	ck_assert_uint_eq(f.asked[ACT_PAY], 0);
}
END_TEST

START_TEST(some_want_their_money_back)
{
	k.x.shoppers.count = 1;
	k.x.shoppers.refund_share = 1;
	f.can[ACT_REFUND] = true;
	shop();
	ck_assert_uint_eq(k.told_count, 2);
	ck_assert_ptr_null(k.told[0].kind);
	ck_assert_str_eq(k.told[1].kind, "refund");
	ck_assert_str_eq(k.told[1].key, "R0");
}
END_TEST

START_TEST(some_forgot_the_milk)
{
	k.x.shoppers.count = 1;
	k.x.shoppers.suspend_share = 1;
	k.x.shoppers.basket.range = (struct range){ 1, 1, 1 };
	f.can[ACT_SUSPEND] = f.can[ACT_RESUME] = true;
	shop();
	ck_assert_str_eq(f.log.data,
			 "scan S0@1; suspend S0@1; resume S0@1; total S0@1; pay S0@1; ");
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
}
END_TEST

static int resume_is_refused(struct fake *x, const struct ask *a, int64_t *delay)
{
	(void)x;
	(void)delay;
	return a->action == ACT_RESUME ? SAY_REFUSED : SAY_OK;
}

START_TEST(lost_basket_is_scanned_again)
{
	k.x.shoppers.count = 1;
	k.x.shoppers.suspend_share = 1;
	k.x.shoppers.basket.range = (struct range){ 1, 1, 1 };
	f.can[ACT_SUSPEND] = f.can[ACT_RESUME] = true;
	f.how = resume_is_refused;
	shop();
	ck_assert_str_eq(f.log.data, "scan S0@1; suspend S0@1; resume S0@1; scan S0@1; "
				     "total S0@1; pay S0@1; ");
}
END_TEST

static int total_is_broken(struct fake *x, const struct ask *a, int64_t *delay)
{
	(void)x;
	(void)delay;
	return a->action == ACT_TOTAL ? SAY_UNKNOWN : SAY_OK;
}

START_TEST(manual_override)
{
	k.x.shoppers.count = 1;
	f.can[ACT_OVERRIDE] = true;
	f.how = total_is_broken;
	shop();
	ck_assert_uint_eq(k.told_count, 1);
	ck_assert_str_eq(k.told[0].kind, "override");
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
	ck_assert_uint_eq(f.asked[ACT_TOTAL], 3);
}
END_TEST

/* ---- ending ---- */

static void halt_at_third(struct kit *kit, const struct told *t)
{
	(void)t;
	if (kit->told_count == 3)
		crowd_halt(kit->c);
}

START_TEST(halting)
{
	k.x.shoppers.count = 1000;
	k.x.shoppers.arrivals.per_s = 1e6;
	f.delay_ns = 100 * NS_PER_US;
	k.on_told = halt_at_third;
	shop();
	ck_assert_uint_eq(k.told_count, 3);
	ck_assert_uint_gt(k.left_count, 0);
	ck_assert_str_eq(k.left[0].why, "closed");
}
END_TEST

START_TEST(aborting)
{
	f.how = pay_silent;
	open_shop();
	while (!f.asked[ACT_PAY])
		loop_run_until(k.loop, &k.finished, clock_now() + NS_PER_MS);
	crowd_abort(k.c);
	ck_assert(k.finished);
	ck_assert_uint_eq(k.told_count, 1);
	ck_assert_int_eq(k.told[0].outcome, TOLD_UNKNOWN);
	ck_assert_str_eq(k.told[0].error, "the trial was cut short");
}
END_TEST

START_TEST(closing)
{
	struct err e = { 0 };

	f.can[ACT_CLOSE] = true;
	shop();
	ck_assert_int_eq(crowd_close(k.c, clock_now() + NS_PER_S, &e), 0);
	ck_assert_uint_eq(f.asked[ACT_CLOSE], 1);
	f.dead[0] = true;
	ck_assert_int_eq(crowd_close(k.c, clock_now() + NS_PER_S, &e), -EPROTO);
	ck_assert_str_eq(e.msg, "lane-1: close: reset");
}
END_TEST

/* ---- keys ---- */

START_TEST(unique_amounts)
{
	k.t.key.plant = KEY_AMOUNT;
	shop();
	for (size_t i = 0; i < 10; i++)
		ck_assert_int_eq(atoi(k.told[i].key), k.told[i].expected);
	ck_assert_str_ne(k.told[0].key, k.told[1].key);
}
END_TEST

START_TEST(marker_articles)
{
	struct err e = { 0 };

	k.t.key.plant = KEY_MARKER;
	k.goods[3] = (struct good){ .sku = (char *)(uintptr_t)"M1", .price = 1 };
	k.t.goods_count = 4;
	fake_next = &f;
	ck_assert_int_eq(crowd_new_driver(&k.c, &k.o, &fake_ops, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "one article of weight 0 for each of 10 shoppers"));
	k.x.shoppers.count = 1;
	shop();
	ck_assert_str_eq(k.told[0].key, "M1");
	ck_assert_ptr_nonnull(strstr(k.told[0].basket, "M1*1"));
}
END_TEST

/* ---- theory ---- */

/*
 * One lane, Poisson arrivals, service = constants + two lognormals: the mean
 * wait must be Pollaczek's and Khinchine's. With the null driver all times
 * are on the intended time line, so the speed of this machine does not matter.
 */
START_TEST(mean_wait_is_pollaczek_khinchine)
{
	const double scan = 2.9, pay = 18.1, fixed = 20, mean = scan + pay + fixed;
	const double var = scan * scan * .25 + pay * pay * .09;
	const double rho = 0.6, lambda = rho / mean;
	const double want = lambda * (var + mean * mean) / (2 * (1 - rho));
	double sum = 0;

	k.x.shoppers.count = 60000;
	k.x.shoppers.human_zero = false;
	k.x.shoppers.basket.range = (struct range){ 1, 1, 1 };
	k.x.shoppers.arrivals = (struct arrivals){ .kind = ARRIVALS_POISSON, .per_s = lambda };
	k.x.shoppers.pace_milli = INT64_C(1000) * 1000 * 1000;
	ck_assert_int_eq(crowd_new(&k.c, &k.o, NULL), 0);
	ck_assert_int_eq(crowd_open(k.c, clock_now() + NS_PER_S, &k.first_ns, NULL), 0);
	ck_assert_int_eq(kit_run(&k, 20 * NS_PER_S), 0);
	for (size_t i = 0; i < k.told_count; i++)
		sum += (double)(k.told[i].start_ns - k.told[i].intended_ns) * 1e6 / 1e9;
	ck_assert_uint_eq(k.told_count, 60000);
	sum /= (double)k.told_count;
	ck_assert_msg(fabs(sum - want) < 0.05 * want, "mean wait %.2f s, theory %.2f s", sum, want);
}
END_TEST

START_TEST(poisson_and_bursts)
{
	int64_t span;

	k.x.shoppers.count = 20000;
	k.x.shoppers.arrivals = (struct arrivals){ .kind = ARRIVALS_POISSON, .per_s = 4 / 60.0 };
	k.x.shoppers.pace_milli = INT64_C(1000) * 1000 * 1000;
	shop();
	span = k.told[19999].intended_ns - k.told[0].intended_ns; /* us of wall = s of shop */
	ck_assert_msg(fabs((double)span / 1e3 / (20000 * 15.0) - 1) < 0.02, "%lld us",
		      (long long)span / 1000);
}
END_TEST

START_TEST(bursts)
{
	k.x.shoppers.arrivals = (struct arrivals){ .kind = ARRIVALS_BURST, .burst = 4,
						   .every_ns = 10 * NS_PER_MS };
	shop();
	for (size_t i = 0; i < 10; i++)
		ck_assert_int_eq(k.told[i].intended_ns - k.told[0].intended_ns,
				 (int64_t)(i / 4) * 10 * NS_PER_MS);
}
END_TEST

/* A queue per lane and a common one: nobody idles while others wait. */
START_TEST(pool_queue)
{
	teardown();
	setup();
	lanes(3);
	k.x.shoppers.count = 60;
	k.x.shoppers.lane_choice = LANE_POOL;
	k.x.shoppers.arrivals.per_s = 1e6;
	f.delay_ns = NS_PER_MS;
	f.can[ACT_SCAN] = f.can[ACT_TOTAL] = false;
	shop();
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 60);
	ck_assert_uint_eq(f.flying_max, 3);
	for (size_t i = 1; i < 60; i++) /* first come, first served */
		ck_assert_int_ge(k.told[i].start_ns, k.told[i - 1].start_ns - NS_PER_MS);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("crowd");
	TCase *t = tcase_create("shoppers");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, everybody_is_served_once);
	tcase_add_test(t, basket_is_what_was_scanned);
	tcase_add_test(t, same_seed_same_shoppers);
	tcase_add_test(t, sell_only);
	tcase_add_test(t, neither_pay_nor_sell);
	tcase_add_test(t, tries_again_with_the_same_key);
	tcase_add_test(t, told_unknown_after_all_tries);
	tcase_add_test(t, silence_is_unknown_at_the_timeout);
	tcase_add_test(t, refused_pay_is_tried_once_more_then_voided);
	tcase_add_test(t, a_no_after_an_unanswered_try_is_unknown);
	tcase_add_test(t, unknown_article_stays_here);
	tcase_add_test(t, nothing_left_to_buy);
	tcase_add_test(t, dead_lane_queue_moves);
	tcase_add_test(t, served_shopper_moves_with_key);
	tcase_add_test(t, dead_lane_comes_back);
	tcase_add_test(t, backup_lane_opens);
	tcase_add_test(t, shoppers_come_over);
	tcase_add_test(t, no_open_lane);
	tcase_add_test(t, open_session_in_vain);
	tcase_add_test(t, patience_ends);
	tcase_add_test(t, trains_leave);
	tcase_add_test(t, arrivals_do_not_wait);
	tcase_add_test(t, impatient_tap);
	tcase_add_test(t, refused_tap_waits_for_the_other);
	tcase_add_test(t, told_comes_before_anything_else);
	tcase_add_test(t, some_void);
	tcase_add_test(t, some_want_their_money_back);
	tcase_add_test(t, some_forgot_the_milk);
	tcase_add_test(t, lost_basket_is_scanned_again);
	tcase_add_test(t, manual_override);
	tcase_add_test(t, halting);
	tcase_add_test(t, aborting);
	tcase_add_test(t, closing);
	tcase_add_test(t, unique_amounts);
	tcase_add_test(t, marker_articles);
	tcase_add_test(t, mean_wait_is_pollaczek_khinchine);
	tcase_add_test(t, poisson_and_bursts);
	tcase_add_test(t, bursts);
	tcase_add_test(t, pool_queue);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(suite());
}
