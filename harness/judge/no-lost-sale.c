/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/check.h"

/**
 * no-lost-sale: every acknowledged sale is in the books.
 *
 *   for every key k with acknowledged(k):  n(k) >= 1
 *
 * n(k) counts the rows that say "sale" (a row that says void is a lost sale; a
 * refunded sale may be there as sale or as refund; so may one whose shopper was
 * refunded later, by a till that turns the row itself into the refund). Acknowledged is told ok,
 * or any other sign that let the shopper leave with the goods: it overrides
 * refused. Voided sales promise nothing here. Judged: acknowledged sales.
 *
 * When the books hold rows without a key, a missing sale might be one of
 * them: as many missing sales as there are such rows prove nothing.
 */
struct options {
	char unused;
};

static const struct opt rows[] = {OPT_END};

/* Why, if a power cut took it: when it was acknowledged, what was not synced, when that was. */
static void power_words(const struct judge_in *in, const struct told *t, char *ret, size_t size)
{
	const struct event *why = NULL;

	ret[0] = '\0';
	for (size_t i = 0; i < in->ledgers->event_count; i++) {
		const struct event *ev = &in->ledgers->event[i];

		if (ev->kind == EV_NOTE && ev->fault >= 0 && str_eq(ev->object, t->key) &&
		    ev->t_ns >= t->end_ns)
			why = ev;
	}
	if (why)
		snprintf(ret, size, "; acknowledged at %.3f s; %s; power was cut at %.3f s",
			 (double)t->end_ns / 1e9, key_text(why->did), (double)why->t_ns / 1e9);
}

static void lost(const struct judge_in *in, const struct told *t, const struct tally_rows *r,
		 struct judgement *ret)
{
	char sum[MONEY_TEXT], gone[400];
	const char *currency = t->currency ? t->currency : in->target->currency;

	power_words(in, t, gone, sizeof(gone));
	judgement_witness(ret, t->key,
			  "%s told the shopper \"paid\"%s%s%s%s%s, but the books have %s%s%s",
			  t->lane ? t->lane : "the till", t->receipt ? ", receipt " : "",
			  t->receipt ? t->receipt : "", t->total >= 0 ? ", " : "",
			  t->total >= 0 ? money_text(sum, t->total, currency) : "",
			  t->offline ? " (offline)" : "",
			  r->voids ? "only a voided sale with this key" : "no sale with this key",
			  in->facts->settled_ns < 0 ? ", even after the whole settling time" : "",
			  gone);
}

void refunds_find(const struct ledgers *l, struct samples *ret)
{
	for (size_t i = 0; i < l->told_count; i++)
		if (told_again(&l->told[i]) && !told_refused(&l->told[i]))
			samples_add(ret, l->told[i].shopper);
	samples_sort(ret);
}

static bool refunded_later(const struct samples *refunds, const struct told *t)
{
	size_t lo = 0, hi = refunds->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (refunds->at[mid] < t->shopper)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < refunds->count && refunds->at[lo] == t->shopper;
}

bool sale_lost(const struct sale *s, const struct tally_rows *r, const struct samples *refunds)
{
	enum kind kind;

	if (!s->told || !told_acked(s->told))
		return false;
	kind = told_kind(s->told);
	return kind != KIND_VOID && !r->sales &&
	       !(r->refunds && refunded_later(refunds, s->told)) &&
	       !(kind == KIND_REFUND && (r->refunds || r->voids));
}

static void judge_one(const struct judge_in *in, const struct rows *idx, const struct sale *s,
		      const struct samples *refunds, struct judgement *ret)
{
	struct tally_rows r;

	if (!s->told || !told_acked(s->told) || sale_ambiguous(s, ret) ||
	    told_kind(s->told) == KIND_VOID)
		return;
	ret->judged++;
	rows_tally(idx, s, &r);
	if (sale_lost(s, &r, refunds))
		lost(in, s->told, &r, ret);
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	size_t unkeyed = in->sales->unkeyed ? books_unkeyed(in->ledgers) : 0;
	struct samples refunds = {0};
	struct rows idx;

	(void)opts;
	refunds_find(in->ledgers, &refunds);
	rows_build(&idx, in);
	for (size_t i = 0; i < in->sales->count; i++)
		judge_one(in, &idx, &in->sales->at[i], &refunds, ret);
	rows_done(&idx);
	samples_done(&refunds);
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " lost", ret->violations,
		 ret->judged);
	if (ret->violations && ret->violations <= unkeyed) {
		check_inconclusive(ret,
				   "%zu sale%s not in the books under the shopper's key (%s), but "
				   "%zu row%s there carr%s no key",
				   ret->violations, ret->violations == 1 ? " is" : "s are",
				   key_text(ret->witness[0].key), unkeyed, plural((int64_t)unkeyed),
				   unkeyed == 1 ? "ies" : "y");
		return;
	}
	check_finish(ret, "no sale was acknowledged",
		     "all %" PRId64 " acknowledged sale%s are in "
		     "the books",
		     ret->judged, plural(ret->judged));
}

const struct check_ops check_no_lost_sale = {
	.name = "no-lost-sale",
	.summary = "every sale a shopper was told is paid is in the books",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.judge = judge,
	.example = "no-lost-sale",
};
