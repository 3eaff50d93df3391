// SPDX-License-Identifier: Apache-2.0
/*
 * Sales and what their shoppers are told: the record of the `told` ledger.
 * Called at the instant of the deciding reply, so it does no more than it
 * must before the hook.
 */
#include <stdlib.h>
#include <string.h>

#include "crowd/room.h"

bool shopper_missed_train(const struct shopper *s, int64_t at_ns)
{
	const struct crowd *c = s->crowd;

	return c->train_ns >= 0 && at_ns > s->intended_ns + c->train_ns &&
	       draw_chance(crowd_draw(c, "shopper.train", s->id, 0), c->conf->train);
}

struct visit *sale_get(struct crowd *c, int64_t shopper)
{
	struct visit *sale = c->sale_free;
	struct basket b = { 0 };

	if (sale) {
		c->sale_free = sale->next;
		b = sale->basket;
	} else {
		sale = xmalloc(sizeof(*sale));
	}
	memset(sale, 0, offsetof(struct visit, receipt));
	sale->receipt[0] = sale->currency[0] = sale->error[0] = '\0';
	sale->basket = b;
	sale->total = -1;
	if (c->tenders_count > 1)
		sale->tender = draw_pick(crowd_draw(c, "shopper.tender", shopper, 0),
					 c->tender_share, c->tenders_count);
	basket_fill(c, sale, shopper);
	return sale;
}

void sale_put(struct crowd *c, struct visit *sale)
{
	sale->next = c->sale_free;
	c->sale_free = sale;
}

static void count(struct crowd *c, const struct told *t, const char *kind)
{
	int64_t *n[OUTCOMES_COUNT] = { &c->n.ok, &c->n.refused, &c->n.unknown };

	if (kind && strcmp(kind, "refund") == 0)
		return;
	++*n[t->outcome];
	c->n.missed += t->train_missed;
	hist_add(c->checkout,
		 (int64_t)((__int128)(t->end_ns - t->start_ns) * c->pace_milli / 1000));
}

static const char *or_null(const char *s)
{
	return s[0] ? s : NULL;
}

void sale_tell(struct crowd *c, struct shopper *s, const char *lane, int64_t at_ns, int outcome,
	       const char *kind)
{
	struct visit *sale = s->sale;
	bool refund = kind && strcmp(kind, "refund") == 0;
	struct told t = {
		.key = refund ? sale->of : sale->key,
		.lane = lane,
		.receipt = or_null(sale->receipt),
		.currency = sale->currency[0] ? sale->currency : c->o.target->currency,
		.tender = c->tenders[sale->tender],
		.kind = kind,
		.error = outcome == TOLD_OK ? NULL : or_null(sale->error),
		.slowest = sale->slowest,
		.shopper = s->id,
		.intended_ns = s->intended_ns - c->o.epoch_ns,
		.start_ns = sale->start_ns - c->o.epoch_ns,
		.end_ns = at_ns - c->o.epoch_ns,
		.system_ns = sale->system_ns,
		.slowest_ns = sale->slowest_ns,
		.total = sale->total,
		.expected = basket_expected(&sale->basket),
		.attempts = sale->attempts,
		.outcome = outcome,
		.acknowledged = outcome == TOLD_OK,
		.offline = sale->offline,
		.train_missed = shopper_missed_train(s, at_ns),
		.warm = s->intended_ns < c->first_ns + c->warmup_ns,
	};

	if (!refund)
		sale->told = true;
	if (c->o.hooks.told) {
		buf_reset(&c->text);
		basket_text(&sale->basket, &c->text);
		t.basket = c->text.data;
		c->o.hooks.told(c->o.hooks.arg, &t);
	}
	count(c, &t, kind);
}
