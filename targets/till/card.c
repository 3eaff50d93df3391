/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money by card. With --terminal HOST:PORT a card terminal does it (card_zvt.c),
 * with --bank the lane asks the payment host itself (card_bank.c); without
 * either the cashier's own device does, and the lane only applies the rules:
 * online yes, offline up to the floor limit.
 *
 * Each go at charging is a payment with a name of its own, noted durably before
 * anybody is asked for money (lane_payments.c).
 */
#include "bug.h"
#include "lane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int by_rule(const struct lane *l, const struct sale *s, char *why)
{
	if (atomic_load(&l->online) || s->total <= l->o->floor)
		return 0;
	snprintf(why, WHY_MAX, "store offline, card over the floor limit");
	return -EACCES;
}

int card_begin(struct lane *l, struct sale *s, int64_t after)
{
	snprintf(s->payment, sizeof(s->payment), "%s.%lld.p%lld", l->o->name,
		 (long long)l->started_ms, (long long)++l->episodes);
	if (payment_begin(l, s, after) == 0)
		return 0;
	*s->payment = '\0';
	return -EIO;
}

int card_over(struct lane *l, struct basket *b, bool charged, int rc, char *why, const char *text)
{
	struct sale *s = &b->sale;

	if (charged)
		payment_reverse(l, s->payment);
	else
		payment_settle(l, s->payment);
	*s->payment = '\0';
	b->approved = 0;
	snprintf(why, WHY_MAX, "%s", text);
	return rc;
}

/* What the terminals' own calendar made of that day: no valid date, so no card. */
static bool no_such_day(void)
{
	time_t now = (time_t)(wall_ms() / 1000);
	struct tm tm;

	gmtime_r(&now, &tm);
	return bug(BUG_NO_LEAP_DAY) && tm.tm_mon == 1 && tm.tm_mday == 29;
}

int card_authorise(struct lane *l, struct basket *b, char *why)
{
	int rc = by_rule(l, &b->sale, why);

	if (rc)
		return rc;
	if (no_such_day()) {
		snprintf(why, WHY_MAX, "no valid date");
		return -EACCES;
	}
	if (!l->charges)
		return 0;
	if (b->approved == b->sale.total)
		return 0; /* charged before, and the sale is still to be booked */
	if (b->approved)
		card_over(l, b, true, 0, why, "");
	return l->terminal ? terminal_authorise(l, b, why) : bank_authorise(l, b, why);
}

/*
 * One sale has one payment. When the books have it under another one, because
 * another go at paying got through before, ours goes back.
 */
void card_booked(struct lane *l, struct basket *b, const struct booked *ret)
{
	struct sale *s = &b->sale;

	if (!l->charges || !*s->payment)
		return;
	if (strcmp(ret->payment, s->payment))
		payment_reverse(l, s->payment);
	else
		payment_settle(l, s->payment);
	b->approved = 0;
}

void card_reverse(struct lane *l, struct basket *b)
{
	struct sale *s = &b->sale;

	if (l->charges && *s->payment)
		payment_reverse(l, s->payment);
	*s->payment = '\0';
	b->approved = 0;
}

int card_deliver(struct lane *l)
{
	char payment[KEY_MAX];
	int64_t id = 0;
	int count = 0;

	while (!atomic_load(&l->closing) && payments_next(l, id, &id, payment)) {
		if (l->terminal ? terminal_give_back(l, payment) : bank_give_back(l, payment))
			lane_offline_mark(l, id, "synced", "");
		count++;
	}
	return count;
}
