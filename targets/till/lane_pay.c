/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: paying is: money, then the books, then paper, then the
 * answer. The store books under the basket's key. If it does not answer, we
 * ask once more with the same key; if it still does not, the sale goes into
 * the lane's own queue, again under the same key. So when the store had booked
 * it and only its reply was lost, the queue brings it nothing new: the store
 * recognises the key.
 *
 * We say "refused" only when the store will not have the sale: it said no, no
 * request ever left, or an undo of this very go at paying (its episode) is
 * durable in the queue. Anything else is "nobody knows" (503), and paying
 * again with the same key finds out.
 */
#include "lane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bug.h"

#define TRIES 2
#define HASTY_MS 150

/* One key for one sale, however often we ask. */
static void give_key(struct basket *b, int try)
{
	struct sale *s = &b->sale;

	copy_text(s->idem, sizeof(s->idem), s->key);
	if (bug(BUG_RETRY_WITHOUT_KEY) && try > 1)
		snprintf(s->idem, sizeof(s->idem), "%s.%d", s->key, try);
	if (bug(BUG_CLOCK_KEY))
		snprintf(s->idem, sizeof(s->idem), "%lld", (long long)wall_ms());
	if (bug(BUG_DOUBLE_TAP) && b->taps > 1)
		snprintf(s->idem, sizeof(s->idem), "%s.%d", s->key, b->taps);
}

/* BUG_SWALLOW_ERROR: "the queue must not stop". */
static int paid_anyway(const struct basket *b, struct booked *ret)
{
	*ret = (struct booked){.state = "paid", .total = b->sale.total};
	snprintf(ret->receipt, sizeof(ret->receipt), "%s-%lld", b->sale.lane,
		 (long long)wall_ms());
	copy_text(ret->payment, sizeof(ret->payment), b->sale.payment);
	copy_text(ret->tender, sizeof(ret->tender), b->sale.tender);
	return 200;
}

static int book_answer(struct basket *b, const struct answer *a, struct booked *ret, char *why)
{
	if (a->status >= 500 && bug(BUG_SWALLOW_ERROR))
		return paid_anyway(b, ret);
	if (a->status == 200 || a->status == 201) {
		if (booked_decode(ret, a->body)) {
			ret->again = a->status == 200;
			return 200;
		}
		b->doubt = true;
		return 0;
	}
	snprintf(why, WHY_MAX, "%s", answer_text(a, "refused", answer_text(a, "error", "failed")));
	if (a->status == 409)
		return 409;
	if (a->status < 500)
		return 500;
	b->doubt |= a->status != 503;
	return 0;
}

/* 200, 409 or 500; 0: the store is of no help. */
static int book_online(struct lane *l, struct basket *b, struct booked *ret, char *why)
{
	long patience = bug(BUG_OVERLAP_RETRY) ? HASTY_MS : (long)l->o->timeout_ms;
	struct answer a = {0};
	int status = 0;

	for (int try = 1; try <= TRIES && !a.status; try++) {
		json_t *body;

		give_key(b, try);
		body = sale_encode(&b->sale);
		lane_ask_once(l, "/sales", b->sale.idem, body, patience, &a);
		json_decref(body);
		b->doubt |= !a.status && a.sent;
		if (!a.status)
			say("%s no-answer key=%s try=%d sent=%d", l->o->name, b->sale.key, try,
			    a.sent);
	}
	if (!a.status || a.status == 503)
		lane_set_online(l, false);
	if (a.status)
		status = book_answer(b, &a, ret, why);
	answer_done(&a);
	return status;
}

static int book(struct lane *l, struct basket *b, struct booked *ret, char *why)
{
	int status = lane_online(l) ? book_online(l, b, ret, why) : 0;

	if (status)
		return status;
	status = lane_offline_sell(l, &b->sale, ret, why);
	if (status == 409 && b->doubt) {
		if (lane_offline_undo(l, &b->sale) > 201)
			return 503;
		b->approved = 0; /* with the undo: the store may have it, paid by this */
		*b->sale.payment = '\0';
		b->doubt = false;
	}
	return status;
}

/* The customer's side of it: an approval is taken back when the sale surely did not happen. */
static int book_with_card(struct lane *l, struct basket *b, struct booked *ret, char *why)
{
	int status;

	if (card_authorise(l, b, why))
		return b->doubt ? 503 : 409;
	status = book(l, b, ret, why);
	if (status == 409 || status == 500)
		card_reverse(l, b);
	return status;
}

static const char *objection(const struct basket *b, const struct payment *p)
{
	if (b->state != BASKET_OPEN)
		return b->state == BASKET_VOID ? "this sale is void" : "this basket is suspended";
	if (!b->sale.count)
		return "basket is empty";
	if (strcmp(p->tender, "cash") && strcmp(p->tender, "card"))
		return "unknown tender";
	if (p->amount >= 0 && p->amount < sale_total(&b->sale))
		return "not enough money";
	return NULL;
}

static int settle(struct lane *l, struct basket *b, struct payment *p, struct booked *ret,
		  char *why)
{
	struct sale *s = &b->sale;
	int status;

	s->total = sale_total(s);
	s->amount = p->amount < 0 ? s->total : p->amount;
	s->created_ms = wall_ms();
	copy_text(s->tender, sizeof(s->tender), p->tender);
	p->change = s->amount - s->total;
	b->taps++;
	if (!b->doubt) /* else the undo of this one must cover the one before */
		snprintf(s->episode, sizeof(s->episode), "%s.%lld.%lld", s->lane,
			 (long long)l->started_ms, (long long)++l->episodes);
	say("%s paying key=%s tender=%s amount=%lld", l->o->name, s->key, s->tender,
	    (long long)s->amount);
	if (bug(BUG_PRINT_BEFORE_COMMIT))
		print_receipt(l, s, &(struct booked){.receipt = "-", .total = s->total}, false);
	status = strcmp(p->tender, "card") ? book(l, b, ret, why) : book_with_card(l, b, ret, why);
	if (status != 200) {
		say("%s not-paid key=%s status=%d why=\"%s\"", l->o->name, s->key, status, why);
		return status;
	}
	card_booked(l, b, ret);
	b->booked = *ret;
	b->state = BASKET_PAID;
	if (!bug(BUG_PRINT_BEFORE_COMMIT))
		print_receipt(l, s, ret, false);
	say("%s paid key=%s receipt=%s total=%lld offline=%d", l->o->name, s->key, ret->receipt,
	    (long long)ret->total, ret->offline);
	return 200;
}

static int pay_claimed(struct lane *l, struct basket *b, struct payment *p, struct booked *ret,
		       char *why)
{
	const char *no;

	if (b->state == BASKET_PAID) {
		*ret = b->booked;
		return 200;
	}
	no = objection(b, p);
	if (!no)
		return settle(l, b, p, ret, why);
	snprintf(why, WHY_MAX, "%s", no);
	return b->doubt ? 503 : 409;
}

int lane_pay(struct lane *l, const char *key, struct payment *p, struct booked *ret, char *why)
{
	struct basket *b = basket_claim(l, key);
	int status;

	if (!b)
		return lane_recall(l, key, ret);
	status = pay_claimed(l, b, p, ret, why);
	basket_release(l, b);
	return status;
}

int lane_override(struct lane *l, const char *key, int64_t price, struct booked *ret, char *why)
{
	struct payment p = {.tender = "cash", .amount = -1};
	struct basket *b = basket_claim_new(l, key);
	int status;

	if (!b)
		return 503;
	if (b->state != BASKET_PAID) {
		basket_clear(b);
		b->sale.manual = true;
		sale_add(&b->sale, "MANUAL", 1, price);
		say("%s override key=%s price=%lld", l->o->name, key, (long long)price);
	}
	status = pay_claimed(l, b, &p, ret, why);
	basket_release(l, b);
	return status;
}
