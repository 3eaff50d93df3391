/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: the shop's day: when people come, how much they bring, how long they wait, what happens
 * when the shop closes; and queueing theory as an oracle over the crowd's own simulation.
 *
 * Waits are compared with theory within the confidence interval of 20 batch means (99 %, Student's
 * t with 19 degrees of freedom), and a theory that is wrong by 15 % must lie outside of it. The
 * times are those on the intended time line, so neither the speed of this machine nor its noise
 * matters: the same seed gives the same waits everywhere.
 */
#include <check.h>
#include <errno.h>
#include <math.h>

#include "base/draw.h"
#include "crowd/room.h"
#include "check_crowd.h"
#include "tests/unit/suite.h"

#define BATCHES 20
#define STUDENT_99 2.861 /* 19 degrees of freedom, two-sided */
#define FAST_MILLI (INT64_C(4000) * 1000 * 1000) /* pace 4,000,000x */

static struct kit k;

static void setup(void)
{
	kit_init(&k, 1);
	k.x.shoppers.basket.range = (struct range){1, 1, 1};
}

static void teardown(void)
{
	kit_done(&k);
}

static void more_lanes(unsigned n)
{
	kit_done(&k);
	kit_init(&k, n);
	k.x.shoppers.basket.range = (struct range){1, 1, 1};
}

static void day(const struct driver_ops *ops)
{
	ck_assert_int_eq(crowd_new_driver(&k.c, &k.o, ops, NULL), 0);
	ck_assert_int_eq(crowd_open(k.c, clock_now() + NS_PER_S, &k.first_ns, NULL), 0);
	ck_assert_int_eq(kit_run(&k, 60 * NS_PER_S), 0);
}

/* Shop seconds from the opening. */
static double shop_s(int64_t since_epoch_ns)
{
	return (double)(since_epoch_ns + k.o.epoch_ns - k.first_ns) *
	       (double)k.x.shoppers.pace_milli / 1000 / NS_PER_S;
}

/* ---- a till whose service times are exponential ---- */

static double service_s;
static struct loop_timer answer_at[KIT_LANES_MAX];
static struct ask *answering[KIT_LANES_MAX];

static bool exp_can(const void *d, enum action a)
{
	(void)d;
	return a == ACT_SELL;
}

static int64_t exp_end(const struct ask *a)
{
	struct draw d = {.seed = 3, .name = "service", .object = (uint64_t)a->shopper};

	return a->intended_ns + (int64_t)(draw_exp(d, service_s) * 1e12 /
					  (double)k.x.shoppers.pace_milli);
}

static void exp_fire(struct loop_timer *t, int64_t now)
{
	size_t lane = (size_t)(t - answer_at);
	struct ask *a = answering[lane];

	(void)now;
	a->answered(a, &(struct answer){
			       .outcome = TOLD_OK, .at_ns = exp_end(a), .total = a->amount});
}

/* The answer comes when it is due; late by what the loop is late, but dated as it was due. */
static void exp_perform(void *d, struct ask *a)
{
	(void)d;
	answering[a->lane] = a;
	answer_at[a->lane].fire = exp_fire;
	loop_timer_at(k.loop, &answer_at[a->lane], exp_end(a));
}

static void exp_cancel(void *d, struct ask *a)
{
	(void)d;
	loop_timer_cancel(k.loop, &answer_at[a->lane]);
}

static int exp_make(void **ret, const struct driver_init *in, struct err *e)
{
	(void)in;
	(void)e;
	*ret = &service_s;
	return 0;
}

static int exp_start(void *d, struct err *e)
{
	(void)d;
	(void)e;
	return 0;
}

static void exp_free(void *d)
{
	(void)d;
}

static const struct driver_ops exp_driver = {
	.name = "exponential", .make = exp_make, .start = exp_start, .can = exp_can,
	.perform = exp_perform, .cancel = exp_cancel, .probe = exp_perform, .free = exp_free};

/* ---- theory ---- */

static void arrive_at(double per_s, int64_t count)
{
	k.x.shoppers.arrivals = (struct arrivals){.kind = ARRIVALS_POISSON, .per_s = per_s};
	k.x.shoppers.count = count;
	k.x.shoppers.pace_milli = FAST_MILLI;
	k.x.shoppers.step_timeout = kit_dur(30 * NS_PER_S, DOMAIN_SYSTEM);
}

/* Shoppers are told in the order of their ends; batches are by their beginnings. */
static void batch_means(double mean[BATCHES])
{
	size_t count[BATCHES] = {0};

	memset(mean, 0, BATCHES * sizeof(*mean));
	for (size_t i = 0; i < k.told_count; i++) {
		size_t shopper = (size_t)atoll(k.told[i].key + 1);
		size_t b = shopper * BATCHES / (size_t)k.x.shoppers.count;

		mean[b] += shop_s(k.told[i].start_ns) - shop_s(k.told[i].intended_ns);
		count[b]++;
	}
	for (size_t b = 0; b < BATCHES; b++)
		mean[b] /= (double)count[b];
}

static void agrees(const char *name, double theory)
{
	double mean[BATCHES], sum = 0, squares = 0, half;

	ck_assert_uint_eq(k.told_count, (size_t)k.x.shoppers.count);
	batch_means(mean);
	for (size_t b = 0; b < BATCHES; b++)
		sum += mean[b] / BATCHES;
	for (size_t b = 0; b < BATCHES; b++)
		squares += (mean[b] - sum) * (mean[b] - sum);
	half = STUDENT_99 * sqrt(squares / (BATCHES - 1) / BATCHES);
	ck_assert_msg(fabs(sum - theory) <= half, "%s: mean wait %.2f s +- %.2f s, theory %.2f s",
		      name, sum, half, theory);
	ck_assert_msg(fabs(sum - 1.15 * theory) > half,
		      "%s: %.2f s +- %.2f s would not tell a theory that is wrong by 15 %%", name,
		      sum, half);
}

/* One lane, exponential service of 90 s at a load of 60 %. */
START_TEST(waits_are_m_m_1)
{
	const double rho = .6;

	service_s = 90;
	arrive_at(rho / service_s, 100000);
	day(&exp_driver);
	agrees("M/M/1", rho * service_s / (1 - rho));
}
END_TEST

/* The crowd's own human times: constants and two lognormals, Pollaczek and Khinchine. */
START_TEST(waits_are_m_g_1)
{
	const double scan = 2.9, pay = 18.1, fixed = 20, mean = scan + pay + fixed, rho = .6;
	const double var = scan * scan * .25 + pay * pay * .09, lambda = rho / mean;

	k.x.shoppers.human_zero = false;
	arrive_at(lambda, 100000);
	day(&driver_null);
	agrees("M/G/1", lambda * (var + mean * mean) / (2 * (1 - rho)));
}
END_TEST

/* The chance to wait at all, with c lanes and a common queue. */
static double erlang_c(unsigned c, double load)
{
	double term = 1, sum = 0;

	for (unsigned i = 0; i < c; i++) {
		sum += term;
		term *= load / (i + 1);
	}
	term *= c / (c - load);
	return term / (sum + term);
}

/* Four lanes, one queue, 76.6 s each: a wait of 27 s at 70 %. */
START_TEST(waits_are_erlang_c)
{
	const double rho = .7;

	more_lanes(4);
	k.x.shoppers.lane_choice = LANE_POOL;
	service_s = 76.6;
	arrive_at(4 * rho / service_s, 100000);
	day(&exp_driver);
	agrees("Erlang C", erlang_c(4, 4 * rho) * service_s / (4 * (1 - rho)));
	ck_assert_double_eq_tol(erlang_c(4, 4 * rho) * service_s / (4 * (1 - rho)), 27, .5);
}
END_TEST

/* ---- when they come ---- */

static size_t came_between(double from_h, double to_h)
{
	size_t n = 0;

	for (size_t i = 0; i < k.told_count; i++) {
		double h = shop_s(k.told[i].intended_ns) / 3600;

		n += h >= from_h && h < to_h;
	}
	return n;
}

/* Each hour has its share of the day: within four standard deviations of a Poisson count. */
START_TEST(hours_of_a_day)
{
	struct shoppers *s = &k.x.shoppers;

	arrive_at(20000 / 86400., 1000000);
	s->hours = (struct hours){.from = 9, .to = 12};
	s->hours.share[9] = .2;
	s->hours.share[10] = .5;
	s->hours.share[11] = .3;
	day(&driver_null);
	for (int h = 0; h < 3; h++) {
		double want = 20000 * s->hours.share[9 + h];

		ck_assert_msg(fabs((double)came_between(h, h + 1) - want) < 4 * sqrt(want),
			      "hour %d: %zu came, %.0f expected", 9 + h, came_between(h, h + 1),
			      want);
	}
	ck_assert_uint_eq(came_between(0, 3), k.told_count);
	ck_assert_double_eq_tol(shoppers_expected(s), 20000, 1e-6);
}
END_TEST

START_TEST(two_hours_are_played)
{
	struct shoppers *s = &k.x.shoppers;

	arrive_at(20000 / 86400., 1000000);
	s->hours = (struct hours){.from = 9, .to = 12};
	s->hours.share[9] = .2;
	s->hours.share[10] = .5;
	s->hours.share[11] = .3;
	s->play = (struct range){10, 12, 1};
	day(&driver_null);
	ck_assert_msg(fabs((double)came_between(0, 1) - 10000) < 400, "%zu", came_between(0, 1));
	ck_assert_msg(fabs((double)came_between(1, 2) - 6000) < 320, "%zu", came_between(1, 2));
	ck_assert_uint_eq(came_between(0, 2), k.told_count);
}
END_TEST

/* Every ten minutes 5 to 9 people at once, and the others in between. */
START_TEST(trains_come)
{
	size_t at[7] = {0}, others = 0;

	arrive_at(1 / 60., 1000000);
	k.x.shoppers.trains.every = kit_dur(600 * NS_PER_S, DOMAIN_SHOP);
	k.x.shoppers.trains.people = (struct range){5, 9, 1};
	k.x.shoppers.open_for = kit_dur(3660 * NS_PER_S, DOMAIN_SHOP);
	k.x.shoppers.pace_milli = 10000 * 1000;
	day(&driver_null);
	for (size_t i = 0; i < k.told_count; i++) {
		double s = shop_s(k.told[i].intended_ns);
		size_t train = (size_t)lround(s / 600);

		if (train >= 1 && fabs(s - 600. * (double)train) < .01)
			at[train]++;
		else
			others++;
	}
	for (size_t t = 1; t <= 6; t++)
		ck_assert_msg(at[t] >= 5 && at[t] <= 9, "train %zu: %zu", t, at[t]);
	ck_assert_msg(others > 35 && others < 90, "%zu others", others);
}
END_TEST

/* ---- what they are like ---- */

START_TEST(baskets_of_several_kinds)
{
	size_t small = 0, large = 0, n = 4000;

	k.x.shoppers.count = (int64_t)n;
	k.x.shoppers.arrivals.per_s = 1e6;
	k.x.shoppers.basket = (struct sizes){
		.count = 2, .part = {{{1, 2, 1}, .75}, {{10, 12, 1}, .25}}};
	day(&driver_null);
	for (size_t i = 0; i < k.told_count; i++) {
		size_t units = 0;

		for (const char *p = k.told[i].basket; (p = strchr(p, '*')) != NULL; p++)
			units += (size_t)atoi(p + 1);
		small += units >= 1 && units <= 2;
		large += units >= 10 && units <= 12;
	}
	ck_assert_uint_eq(small + large, n);
	ck_assert_msg(small > n * 72 / 100 && small < n * 78 / 100, "%zu small", small);
}
END_TEST

/* The tills are shut: everybody walks out, as many by each point as the curve says. */
START_TEST(patience_by_a_curve)
{
	struct shoppers *s = &k.x.shoppers;
	size_t by[3] = {0};

	more_lanes(2);
	s->count = 4000;
	s->arrivals.per_s = 1e6;
	s->patience = (struct patience){
		.count = 3,
		.point = {{60 * NS_PER_S, .1}, {240 * NS_PER_S, .4}, {900 * NS_PER_S, 1}}};
	s->pace_milli = 1000 * 1000;
	s->step_timeout = kit_dur(20 * NS_PER_S, DOMAIN_SYSTEM);
	service_s = 1e9; /* one of each lane is served for ever */
	ck_assert_int_eq(crowd_new_driver(&k.c, &k.o, &exp_driver, NULL), 0);
	ck_assert_int_eq(crowd_open(k.c, clock_now() + NS_PER_S, &k.first_ns, NULL), 0);
	ck_assert_int_eq(loop_run_until(k.loop, &k.finished, clock_now() + 4 * NS_PER_S),
			 -ETIMEDOUT);
	ck_assert_uint_eq(k.left_count, 3998);
	for (size_t i = 0; i < k.left_count; i++) {
		double waited = shop_s(k.left[i].left_ns) - shop_s(k.left[i].intended_ns);

		for (size_t p = 0; p < 3; p++) /* this machine's lateness makes it fewer */
			by[p] += waited < (double)s->patience.point[p].ns / 1e9;
	}
	ck_assert_msg(by[0] <= 4000 * 12 / 100, "%zu by the first point", by[0]);
	ck_assert_msg(by[1] <= 4000 * 43 / 100, "%zu by the second point", by[1]);
	crowd_abort(k.c);
}
END_TEST

START_TEST(patience_is_the_curve_s)
{
	struct shoppers *s = &k.x.shoppers;
	size_t by[3] = {0}, never = 0;

	s->patience = (struct patience){.count = 2,
					.point = {{60 * NS_PER_S, .1}, {900 * NS_PER_S, .8}}};
	s->count = 0;
	s->pace_milli = 1000;
	day(&driver_null);
	for (int64_t i = 0; i < 10000; i++) {
		int64_t ns = patience_ns(k.c, i);

		by[0] += ns >= 0 && ns < 60 * NS_PER_S;
		by[1] += ns >= 0 && ns < 480 * NS_PER_S; /* halfway to the second point */
		by[2] += ns >= 0 && ns <= 900 * NS_PER_S;
		never += ns < 0;
	}
	ck_assert_msg(by[0] > 900 && by[0] < 1100, "%zu", by[0]);
	ck_assert_msg(by[1] > 4350 && by[1] < 4650, "%zu", by[1]);
	ck_assert_msg(by[2] > 7850 && by[2] < 8150, "%zu", by[2]);
	ck_assert_uint_eq(by[2] + never, 10000);
}
END_TEST

/* The POS hears of cards; the time is that of the manner. */
START_TEST(manners_of_paying)
{
	struct weight w[] = {{(char[]){"card/mobile"}, .5}, {(char[]){"cash"}, .5}};
	size_t cards = 0;

	k.x.shoppers.pay = (struct weights){w, 2};
	k.x.shoppers.count = 400;
	k.x.shoppers.arrivals.per_s = 1e6;
	k.x.shoppers.human_zero = false;
	k.x.shoppers.pace_milli = FAST_MILLI;
	day(&driver_null);
	for (size_t i = 0; i < k.told_count; i++)
		cards += strcmp(k.told[i].tender, "card") == 0;
	ck_assert_msg(cards > 150 && cards < 250, "%zu cards", cards);
	ck_assert_double_eq_tol(crowd_human_mean_ns(&k.x.shoppers) / 1e9,
				20 + 2.9 + (11.8 + 18.1) / 2, 1e-6);
}
END_TEST

/* ---- the doors ---- */

/* A thousand at once, an hour of service each at 1,000 x: at closing time most are still inside. */
static void close_with(int how)
{
	struct shoppers *s = &k.x.shoppers;

	s->count = 1000;
	s->arrivals = (struct arrivals){.kind = ARRIVALS_CONSTANT, .per_s = 1};
	s->pace_milli = 1000 * 1000;
	s->open_for = kit_dur(100 * NS_PER_S, DOMAIN_SHOP);
	s->at_close = how;
	s->step_timeout = kit_dur(60 * NS_PER_S, DOMAIN_SYSTEM);
	service_s = 5;
	day(&exp_driver);
	for (size_t i = 0; i < k.told_count; i++)
		ck_assert(shop_s(k.told[i].intended_ns) < 100);
	ck_assert_uint_eq(k.told_count + k.left_count, 100);
}

START_TEST(closing_serves)
{
	close_with(AT_CLOSE_SERVE);
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 100);
}
END_TEST

START_TEST(closing_sends_home)
{
	close_with(AT_CLOSE_SEND_HOME);
	ck_assert_uint_gt(k.left_count, 40);
	for (size_t i = 0; i < k.left_count; i++)
		ck_assert_str_eq(k.left[i].why, LEFT_SENT_HOME);
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), k.told_count);
}
END_TEST

START_TEST(closing_cuts)
{
	close_with(AT_CLOSE_CUT);
	ck_assert_uint_eq(kit_count(&k, TOLD_UNKNOWN), 1);
	for (size_t i = 0; i < k.told_count; i++)
		if (k.told[i].outcome == TOLD_UNKNOWN)
			ck_assert_str_eq(k.told[i].error, TOLD_CUT_SHORT);
	ck_assert_uint_gt(k.left_count, 40);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crowd day");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, waits_are_m_m_1);
	tcase_add_test(t, waits_are_m_g_1);
	tcase_add_test(t, waits_are_erlang_c);
	tcase_add_test(t, hours_of_a_day);
	tcase_add_test(t, two_hours_are_played);
	tcase_add_test(t, trains_come);
	tcase_add_test(t, baskets_of_several_kinds);
	tcase_add_test(t, patience_by_a_curve);
	tcase_add_test(t, patience_is_the_curve_s);
	tcase_add_test(t, manners_of_paying);
	tcase_add_test(t, closing_serves);
	tcase_add_test(t, closing_sends_home);
	tcase_add_test(t, closing_cuts);
	suite_add_tcase(s, t);
	return suite_main(s);
}
