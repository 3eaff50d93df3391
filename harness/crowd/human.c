// SPDX-License-Identifier: Apache-2.0
/*
 * Human times, in shop time: how long it takes to take an article over the
 * scanner, to find a card, to pack a bag. The POS's own time is never in here.
 * Payment times are the Bundesbank's for food retail (2022/23); the spread of
 * a payment (cv 0.3) and the split of the fixed part are plausible guesses.
 */
#include "crowd/room.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

#define SCAN_CV 0.5
#define PAY_CV 0.3
#define GREET_SHARE 0.25 /* of the fixed part; the rest is bagging */
#define PAY_OTHER_S 18.1

static const struct {
	const char *tender;
	double mean_s;
} pay_times[] = {
	{ "mobile", 11.8 },
	{ "contactless", 13.2 },
	{ "card", 13.2 },
	{ "cash", 18.1 },
	{ "contactless-pin", 18.2 },
	{ "card-pin", 18.2 },
	{ "inserted", 23.8 },
	{ "voucher", 23.8 },
};

struct draw crowd_draw(const struct crowd *c, const char *what, int64_t shopper, uint64_t hit)
{
	return (struct draw){
		.seed = (uint64_t)c->o.seed, .name = what, .object = (uint64_t)shopper, .hit = hit
	};
}

int64_t pace_wall(const struct crowd *c, int64_t shop_ns)
{
	return (int64_t)((__int128)shop_ns * 1000 / c->pace_milli);
}

int64_t human_wall(const struct crowd *c, double shop_ns)
{
	return c->conf->human_zero ? 0 : (int64_t)(shop_ns * 1000 / (double)c->pace_milli);
}

double human_scan(const struct crowd *c, int64_t shopper, uint64_t hit)
{
	if (c->conf->human_zero || c->human.scan_ns <= 0)
		return 0;
	return draw_lognormal(crowd_draw(c, "shopper.scan", shopper, hit), c->human.scan_ns,
			      SCAN_CV);
}

double human_pay(const struct crowd *c, int64_t shopper, unsigned tender, uint64_t hit)
{
	double mean = c->human.pay_ns[tender];

	if (c->conf->human_zero || mean <= 0)
		return 0;
	return draw_lognormal(crowd_draw(c, "shopper.pay-time", shopper, hit), mean, PAY_CV);
}

static double pay_default_ns(const char *tender)
{
	for (size_t i = 0; i < ARRAY_SIZE(pay_times); i++) {
		if (str_eq(pay_times[i].tender, tender))
			return pay_times[i].mean_s * 1e9;
	}
	return PAY_OTHER_S * 1e9;
}

/* "card/contactless" is a card to the POS, and paid like the latter. */
const char *tender_manner(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash ? slash + 1 : name;
}

static int pay_time(const struct shoppers *s, const char *name, double *ret_ns, struct err *e)
{
	const struct strmap *m = &s->pay_time;
	const char *tender = tender_manner(name);
	struct dur d = { 0 };
	char why[200] = "";

	*ret_ns = pay_default_ns(tender);
	for (size_t i = 0; i < m->count; i++) {
		if (!str_eq(m->at[i].key, tender))
			continue;
		if (opt_parse_duration(m->at[i].value, DOMAIN_SHOP, &d, why, sizeof(why)) < 0)
			return err_set(e, EINVAL, "pay-time of %s: %s", tender, why);
		*ret_ns = (double)d.ns;
	}
	return 0;
}

/* A mean that is on the system's clock is not scaled by pace: undo the later division. */
static double shop_ns(const struct shoppers *s, struct dur d)
{
	if (d.ns < 0)
		return 0;
	return (double)dur_wall(d, s->pace_milli) * (double)s->pace_milli / 1000;
}

double crowd_human_mean_ns(const struct shoppers *s)
{
	double items = basket_mean(s), pay = 0, one;

	if (s->human_zero)
		return 0;
	for (size_t i = 0; i < s->pay.count; i++)
		if (pay_time(s, s->pay.at[i].name, &one, NULL) == 0)
			pay += s->pay.at[i].share * one;
	return shop_ns(s, s->fixed_time) + items * shop_ns(s, s->scan_time) + pay;
}

int human_init(struct crowd *c, struct err *e)
{
	double fixed = shop_ns(c->conf, c->conf->fixed_time);
	int r = 0;

	c->human.scan_ns = shop_ns(c->conf, c->conf->scan_time);
	c->human.greet_ns = fixed * GREET_SHARE;
	c->human.bag_ns = fixed - c->human.greet_ns;
	c->human.pay_ns = xcalloc(c->tenders_count, sizeof(*c->human.pay_ns));
	for (unsigned i = 0; i < c->tenders_count && r == 0; i++)
		r = pay_time(c->conf, c->manners[i], &c->human.pay_ns[i], e);
	return r;
}

void human_done(struct crowd *c)
{
	free(c->human.pay_ns);
	c->human.pay_ns = NULL;
}
