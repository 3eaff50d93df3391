// SPDX-License-Identifier: Apache-2.0
/*
 * What a checkout consists of: one table.
 *
 * Theory of operation. A row is a step: the human time before it, the action
 * asked of the POS (or none), and what follows each outcome. A row whose
 * action the driver does not have, or that this sale does not need, is passed
 * over; the order of the table is the order of a checkout:
 *
 *   greet, [resume], scan…, [suspend, resume], total, void | pay | sell, bag, [refund]
 *
 *  - unknown: the cashier tries the same step with the same key again, up to
 *    `retries` times; then failed() decides, by default give_up(): another
 *    lane, else the manual override, else the shopper is told unknown.
 *  - refused at scan: the article stays here. Refused at pay: as people do, a
 *    second try, with another tender perhaps; then void, and gone without.
 *  - sale_tell() is called here, at the instant of the deciding reply.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "crowd/room.h"

#define NO_ACTION (-1)
#define PAYS_MAX 2

struct step_ops {
	const char *name;
	int action;                         /* enum action, or NO_ACTION */
	bool decides;                       /* its tries are told as `attempts` */
	bool (*wanted)(struct lane *l);     /* NULL: whenever the driver can */
	double (*human)(struct lane *l);    /* shop ns; NULL: none */
	enum step next;                     /* when passed over, and after ok without ok() */
	enum step (*ok)(struct lane *l, const struct answer *a);
	enum step (*refused)(struct lane *l, const struct answer *a); /* NULL: refuse() */
	enum step (*failed)(struct lane *l, const struct answer *a);  /* NULL: give_up() */
};
static const struct step_ops steps[STEPS_COUNT];
static enum step give_up(struct lane *l, const struct answer *a);

static bool chance(const struct lane *l, const char *what, double p)
{
	return p > 0 && draw_chance(crowd_draw(l->crowd, what, l->shopper->id, 0), p);
}

static void tell(struct lane *l, const struct answer *a, int outcome, const char *kind)
{
	sale_tell(l->crowd, l->shopper, l->name, a->at_ns, outcome, kind);
}

/* ---- greet, resume, scan ---- */

static double greet_human(struct lane *l)
{
	return l->crowd->human.greet_ns;
}

static bool resume_wanted(struct lane *l)
{
	return l->shopper->sale->resume;
}

static enum step resume_ok(struct lane *l, const struct answer *a)
{
	(void)a;
	l->shopper->sale->resume = l->shopper->sale->parked = false;
	return STEP_SCAN;
}

/* Nobody knows the basket here: scan it all again, under the same key. */
static enum step resume_refused(struct lane *l, const struct answer *a)
{
	basket_rescan(l->shopper->sale);
	return resume_ok(l, a);
}

static enum step resume_failed(struct lane *l, const struct answer *a)
{
	struct crowd *c = l->crowd;

	if (a->transport && (!c->can[ACT_SCAN] || lane_elsewhere(l, true)))
		return give_up(l, a);
	return resume_refused(l, a);
}

static bool scan_wanted(struct lane *l)
{
	const struct visit *sale = l->shopper->sale;

	return sale->unit < sale->basket.units;
}

static double scan_human(struct lane *l)
{
	return human_scan(l->crowd, l->shopper->id, l->shopper->sale->scans++);
}

static enum step scan_ok(struct lane *l, const struct answer *a)
{
	struct visit *sale = l->shopper->sale;

	(void)a;
	sale->basket.unit[sale->unit++].scanned = true;
	return STEP_SCAN;
}

/* A "no" that follows an unanswered try says nothing about that try: it may yet be booked. */
static int refusal(const struct lane *l)
{
	return l->shopper->sale->doubt ? TOLD_UNKNOWN : TOLD_REFUSED;
}

static enum step refuse(struct lane *l, const struct answer *a)
{
	tell(l, a, refusal(l), l->shopper->sale->kind);
	return STEP_CLEAR;
}

static enum step scan_refused(struct lane *l, const struct answer *a)
{
	struct visit *sale = l->shopper->sale;

	basket_drop(sale, sale->unit);
	return basket_empty(&sale->basket) ? refuse(l, a) : STEP_SCAN;
}

static bool pass_wanted(struct lane *l)
{
	return !l->crowd->can[ACT_SCAN];
}

/* The driver cannot scan: the cashier's hands are as busy all the same. */
static double pass_human(struct lane *l)
{
	struct visit *sale = l->shopper->sale;
	double sum = 0;

	for (uint32_t i = 0; i < sale->basket.units; i++)
		sum += human_scan(l->crowd, l->shopper->id, sale->scans++);
	return sum;
}

/* ---- suspend, total, void ---- */

static bool suspend_wanted(struct lane *l)
{
	return l->crowd->can[ACT_RESUME] && !l->shopper->sale->suspended &&
	       chance(l, "shopper.suspend", l->crowd->conf->suspend_share);
}

static enum step suspend_ok(struct lane *l, const struct answer *a)
{
	(void)a;
	l->shopper->sale->suspended = l->shopper->sale->parked = true;
	return STEP_UNSUSPEND;
}

static enum step suspend_refused(struct lane *l, const struct answer *a)
{
	(void)a;
	l->shopper->sale->suspended = true;
	return STEP_TOTAL;
}

static bool unsuspend_wanted(struct lane *l)
{
	return l->shopper->sale->parked;
}

static double unsuspend_human(struct lane *l)
{
	(void)l;
	return (double)RESUME_SHOP_NS;
}

static enum step unsuspend_ok(struct lane *l, const struct answer *a)
{
	(void)a;
	l->shopper->sale->parked = false;
	return STEP_TOTAL;
}

static enum step unsuspend_refused(struct lane *l, const struct answer *a)
{
	resume_refused(l, a);
	return l->crowd->can[ACT_SCAN] ? STEP_SCAN : STEP_TOTAL;
}

static bool void_wanted(struct lane *l)
{
	const struct crowd *c = l->crowd;

	return (c->can[ACT_SCAN] || c->can[ACT_TOTAL]) &&
	       chance(l, "shopper.void", c->conf->void_share);
}

static enum step void_ok(struct lane *l, const struct answer *a)
{
	tell(l, a, TOLD_OK, l->shopper->sale->kind);
	return STEP_DONE;
}

static enum step void_refused(struct lane *l, const struct answer *a)
{
	tell(l, a, refusal(l), l->shopper->sale->kind);
	return STEP_DONE;
}

/* ---- pay ---- */

static double pay_human(struct lane *l)
{
	const struct visit *sale = l->shopper->sale;

	return human_pay(l->crowd, l->shopper->id, sale->tender, sale->pays);
}

static enum step pay_ok(struct lane *l, const struct answer *a)
{
	l->shopper->sale->ok = true;
	tell(l, a, TOLD_OK, l->shopper->sale->kind);
	return STEP_BAG;
}

static int tender_cash(const struct crowd *c)
{
	for (unsigned i = 0; i < c->tenders_count; i++) {
		if (str_eq(c->tenders[i], "cash"))
			return (int)i;
	}
	return -1;
}

/* After a refused payment: the same card .6, another .15, cash .2 if any, leave .05. */
static bool second_try(struct lane *l)
{
	static const double shares[] = { .6, .15, .2, .05 };
	struct visit *sale = l->shopper->sale;
	int cash = tender_cash(l->crowd);

	if (++sale->pays >= PAYS_MAX)
		return false;
	switch (draw_pick(crowd_draw(l->crowd, "shopper.second-try", l->shopper->id, 0), shares,
			  ARRAY_SIZE(shares))) {
	case 0:
	case 1:
		return true;
	case 2:
		if (cash < 0 || (unsigned)cash == sale->tender)
			return false;
		sale->tender = (unsigned)cash;
		return true;
	default:
		return false;
	}
}

static enum step pay_refused(struct lane *l, const struct answer *a)
{
	return second_try(l) ? l->step : refuse(l, a);
}

static bool sell_wanted(struct lane *l)
{
	return !l->crowd->can[ACT_PAY];
}

static double bag_human(struct lane *l)
{
	return l->crowd->human.bag_ns;
}

/* ---- afterwards ---- */

static bool refund_wanted(struct lane *l)
{
	return l->shopper->sale->ok &&
	       chance(l, "shopper.refund", l->crowd->conf->refund_share);
}

static enum step refund_ok(struct lane *l, const struct answer *a)
{
	tell(l, a, a->outcome, "refund");
	return STEP_DONE;
}

static enum step after_failed(struct lane *l, const struct answer *a)
{
	if (l->step == STEP_REFUND)
		tell(l, a, TOLD_UNKNOWN, "refund");
	if (a->transport) {
		lane_down(l, a->at_ns);
		lane_requeue(l, a->at_ns);
	}
	return STEP_DONE;
}

static enum step clear_over(struct lane *l, const struct answer *a)
{
	(void)l;
	(void)a;
	return STEP_DONE;
}

/* ---- giving up ---- */

/* The manual override: cash, typed by hand, at a till that works but cannot sell as it should. */
static bool override_wanted(struct lane *l, const struct answer *a)
{
	struct visit *sale = l->shopper->sale;
	int cash = tender_cash(l->crowd);

	if (!l->crowd->can[ACT_OVERRIDE] || a->transport || sale->attempts > 0)
		return false;
	sale->kind = "override";
	if (cash >= 0)
		sale->tender = (unsigned)cash;
	return true;
}

/* Take the basket to another lane; ahead of its queue, as cashiers do it. */
static enum step move(struct lane *l, const struct answer *a)
{
	struct crowd *c = l->crowd;
	struct shopper *s = l->shopper;

	s->moves++;
	s->lane = l->index;
	s->sale->resume = c->can[ACT_RESUME];
	if (!s->sale->resume)
		basket_rescan(s->sale);
	l->shopper = NULL;
	c->n.at_till--;
	if (a->transport)
		lane_down(l, a->at_ns);
	lane_join(c, s, a->at_ns, true);
	if (a->transport)
		lane_requeue(l, a->at_ns);
	return STEP_GONE;
}

static enum step give_up(struct lane *l, const struct answer *a)
{
	struct visit *sale = l->shopper->sale;
	bool clear = sale->attempts == 0 && !a->transport;

	if (l->shopper->moves < l->crowd->lanes_count && lane_elsewhere(l, a->transport))
		return move(l, a);
	if (override_wanted(l, a))
		return STEP_OVERRIDE;
	tell(l, a, TOLD_UNKNOWN, sale->kind);
	if (a->transport) {
		lane_down(l, a->at_ns);
		lane_requeue(l, a->at_ns);
	}
	return clear ? STEP_CLEAR : STEP_DONE;
}

/* clang-format off */
static const struct step_ops steps[STEPS_COUNT] = {
	[STEP_GREET] = { .name = "greet", .action = NO_ACTION, .human = greet_human,
			 .next = STEP_RESUME },
	[STEP_RESUME] = { .name = "resume", .action = ACT_RESUME, .wanted = resume_wanted,
			  .next = STEP_SCAN, .ok = resume_ok, .refused = resume_refused,
			  .failed = resume_failed },
	[STEP_SCAN] = { .name = "scan", .action = ACT_SCAN, .wanted = scan_wanted,
			.human = scan_human, .next = STEP_PASS, .ok = scan_ok,
			.refused = scan_refused },
	[STEP_PASS] = { .name = "pass", .action = NO_ACTION, .wanted = pass_wanted,
			.human = pass_human, .next = STEP_SUSPEND },
	[STEP_SUSPEND] = { .name = "suspend", .action = ACT_SUSPEND, .wanted = suspend_wanted,
			   .next = STEP_UNSUSPEND, .ok = suspend_ok,
			   .refused = suspend_refused },
	[STEP_UNSUSPEND] = { .name = "resume", .action = ACT_RESUME, .wanted = unsuspend_wanted,
			     .human = unsuspend_human, .next = STEP_TOTAL,
			     .ok = unsuspend_ok, .refused = unsuspend_refused },
	[STEP_TOTAL] = { .name = "total", .action = ACT_TOTAL, .next = STEP_VOID },
	[STEP_VOID] = { .name = "void", .action = ACT_VOID, .decides = true,
			.wanted = void_wanted, .next = STEP_PAY, .ok = void_ok,
			.refused = void_refused },
	[STEP_PAY] = { .name = "pay", .action = ACT_PAY, .decides = true, .human = pay_human,
		       .next = STEP_SELL, .ok = pay_ok, .refused = pay_refused },
	[STEP_SELL] = { .name = "sell", .action = ACT_SELL, .decides = true,
			.wanted = sell_wanted, .human = pay_human, .next = STEP_BAG,
			.ok = pay_ok, .refused = pay_refused },
	[STEP_OVERRIDE] = { .name = "override", .action = ACT_OVERRIDE, .decides = true,
			    .human = pay_human, .next = STEP_BAG, .ok = pay_ok },
	[STEP_BAG] = { .name = "bag", .action = NO_ACTION, .human = bag_human,
		       .next = STEP_REFUND },
	[STEP_REFUND] = { .name = "refund", .action = ACT_REFUND, .wanted = refund_wanted,
			  .next = STEP_DONE, .ok = refund_ok, .refused = refund_ok,
			  .failed = after_failed },
	[STEP_CLEAR] = { .name = "void", .action = ACT_VOID, .next = STEP_DONE,
			 .ok = clear_over, .refused = clear_over, .failed = after_failed },
	[STEP_DONE] = { .name = "done", .action = NO_ACTION, .next = STEP_DONE },
	[STEP_GONE] = { .name = "gone", .action = NO_ACTION, .next = STEP_GONE },
};
/* clang-format on */

/* ---- what lane.c calls ---- */

int step_action(enum step st)
{
	return steps[st].action;
}

enum step step_wanted(struct lane *l, enum step st)
{
	while (st != STEP_DONE && st != STEP_GONE) {
		const struct step_ops *o = &steps[st];

		if ((o->action == NO_ACTION || l->crowd->can[o->action]) &&
		    (!o->wanted || o->wanted(l)))
			break;
		st = o->next;
	}
	return st;
}

double step_human(struct lane *l)
{
	const struct step_ops *o = &steps[l->step];

	if (l->crowd->conf->human_zero)
		return 0;
	if (l->tries > 0)
		return (double)RETRY_SHOP_NS;
	return o->human ? o->human(l) : 0;
}

bool step_taps_twice(const struct lane *l)
{
	return (l->step == STEP_PAY || l->step == STEP_SELL) && l->tries == 0 &&
	       chance(l, "shopper.retap", l->crowd->conf->retap);
}

static void ask_article(const struct visit *sale, struct ask *a)
{
	const struct line *line = &sale->basket.line[sale->basket.unit[sale->unit].line];

	a->sku = line->sku;
	a->price = line->price;
	a->item = (int64_t)sale->unit + 1;
}

void step_ask(struct lane *l, struct ask *a)
{
	struct crowd *c = l->crowd;
	struct visit *sale = l->shopper->sale;

	sale->attempts += steps[l->step].decides;
	if (l->step == STEP_VOID)
		sale->kind = "void";
	a->key = l->step == STEP_REFUND ? sale->of : sale->key;
	a->of = l->step == STEP_REFUND ? sale->key : NULL;
	a->tender = c->tenders[sale->tender];
	a->receipt = sale->receipt[0] ? sale->receipt : NULL;
	a->shopper = l->shopper->id;
	a->amount = sale->total >= 0 ? sale->total : basket_expected(&sale->basket);
	a->lines = sale->basket.line;
	a->lines_count = sale->basket.lines;
	a->intended_ns = l->intended_ns;
	if (l->step == STEP_SCAN)
		ask_article(sale, a);
}

static void take_text(char *to, size_t size, const char *from)
{
	if (from)
		snprintf(to, size, "%s", from);
}

/* Time and facts of a reply; few instructions, since told() is waiting behind. */
static void note(struct lane *l, const struct answer *a)
{
	struct visit *sale = l->shopper->sale;
	int64_t took = a->at_ns - l->intended_ns;

	sale->system_ns += took;
	if (took > sale->slowest_ns || !sale->slowest) {
		sale->slowest_ns = took;
		sale->slowest = steps[l->step].name;
	}
	sale->doubt |= a->outcome == TOLD_UNKNOWN && steps[l->step].decides;
	if (a->outcome != TOLD_OK) {
		take_text(sale->error, sizeof(sale->error),
			  a->error ? a->error : "no reason given");
		return;
	}
	if (a->total >= 0 && l->step != STEP_REFUND)
		sale->total = a->total;
	sale->error[0] = '\0';
	sale->offline |= a->offline;
	take_text(sale->receipt, sizeof(sale->receipt), a->receipt);
	take_text(sale->currency, sizeof(sale->currency), a->currency);
}

enum step step_answered(struct lane *l, const struct answer *a)
{
	const struct step_ops *o = &steps[l->step];

	note(l, a);
	if (a->outcome == TOLD_UNKNOWN && l->tries < l->crowd->conf->retries) {
		l->tries++;
		return l->step;
	}
	l->tries = 0;
	switch (a->outcome) {
	case TOLD_OK:
		return o->ok ? o->ok(l, a) : o->next;
	case TOLD_REFUSED:
		return o->refused ? o->refused(l, a) : refuse(l, a);
	default:
		return o->failed ? o->failed(l, a) : give_up(l, a);
	}
}

enum step step_passed(struct lane *l)
{
	return steps[l->step].next;
}
