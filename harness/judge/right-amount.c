/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "judge/check.h"

/**
 * right-amount: shopper, price list and books agree on what a sale costs.
 *
 *   told.total = told.expected = books.total      (those that are known)
 *   told.currency = books.currency                (unsaid ones are the target's)
 *
 * expected is the basket by the price list; it does not bind an override,
 * whose price was typed in. A refund's rows must each have the amount of the
 * sale, with either sign. Sales told unknown are compared where the books have
 * them; voided, refused and doubled ones are other checks' business. Judged:
 * sales for which at least two of the three amounts are known. Sales that the
 * books have without an amount make it inconclusive, and so do books that have
 * none of the sales. A negative amount under a sale's key is a refund only
 * where refunds were asked for, or where the books call it one.
 */
struct options {
	char unused;
};

static const struct opt rows[] = {OPT_END};

struct amounts {
	int64_t told, expected, booked; /* INT64_MIN unknown */
	const char *told_currency, *booked_currency;
};

static int64_t known(int64_t v)
{
	return v >= 0 ? v : INT64_MIN;
}

static bool differ(int64_t a, int64_t b)
{
	return a != INT64_MIN && b != INT64_MIN && a != b;
}

/* What has been seen so far. */
struct seen {
	size_t silent, booked; /* sales in the books without an amount, and with one */
	bool refunds;	       /* shoppers asked for their money back */
};

static bool is_given_back(const struct book *b, const struct told *t, bool refunds)
{
	return refunds || told_kind(t) == KIND_REFUND || (b->state && *b->state);
}

static void amounts_of(const struct judge_in *in, const struct told *t, const struct tally_rows *r,
		       bool refunds, struct amounts *ret)
{
	const struct book *b = r->sale ? r->sale : r->refund;
	const char *fallback = in->target->currency;

	*ret = (struct amounts){known(t->total), known(t->expected), INT64_MIN, t->currency, NULL};
	if (told_kind(t) == KIND_OVERRIDE)
		ret->expected = INT64_MIN;
	if (b) {
		ret->booked = b->total;
		if (!r->sale && b->total < 0 && b->total != INT64_MIN &&
		    is_given_back(b, t, refunds))
			ret->booked = -b->total; /* money given back, as an amount of the sale */
		ret->booked_currency = b->currency;
	}
	if (!ret->told_currency || !*ret->told_currency)
		ret->told_currency = fallback;
	if (!ret->booked_currency || !*ret->booked_currency)
		ret->booked_currency = fallback;
}

static const char *amount_text(char *buf, int64_t v, const char *currency)
{
	return v == INT64_MIN ? "unknown" : money_text(buf, v, currency);
}

/* A refund that does not give back what was paid. */
static bool refund_differs(const struct tally_rows *r)
{
	int64_t paid, back;

	if (!r->sale || !r->refund)
		return false;
	paid = r->sale->total;
	back = r->refund->total;
	return paid != INT64_MIN && back != INT64_MIN && back != paid && back != -paid;
}

static bool amounts_wrong(const struct amounts *a, const struct tally_rows *r)
{
	if (a->booked != INT64_MIN && a->told_currency && a->booked_currency &&
	    strcasecmp(a->told_currency, a->booked_currency) != 0)
		return true;
	return differ(a->told, a->expected) || differ(a->told, a->booked) ||
	       differ(a->expected, a->booked) || refund_differs(r);
}

static bool amounts_known(const struct amounts *a)
{
	return (a->told != INT64_MIN) + (a->expected != INT64_MIN) + (a->booked != INT64_MIN) >= 2;
}

static bool has_amounts(const struct sale *s)
{
	return s->told && !told_refused(s->told) && told_kind(s->told) != KIND_VOID;
}

bool sale_wrong_amount(const struct judge_in *in, const struct sale *s,
		       const struct tally_rows *r, bool refunds)
{
	struct amounts a;

	if (!has_amounts(s) || r->sales > 1 || r->refunds > 1)
		return false;
	amounts_of(in, s->told, r, refunds, &a);
	return amounts_known(&a) && amounts_wrong(&a, r);
}

static void judge_one(const struct judge_in *in, const struct rows *idx, const struct sale *s,
		      struct judgement *ret, struct seen *seen)
{
	char told[MONEY_TEXT], expected[MONEY_TEXT], booked[MONEY_TEXT];
	const struct told *t = s->told;
	struct tally_rows r;
	struct amounts a;

	if (!has_amounts(s) || sale_ambiguous(s, ret))
		return;
	rows_tally(idx, s, &r);
	if (r.sales > 1 || r.refunds > 1)
		return;
	amounts_of(in, t, &r, seen->refunds, &a);
	seen->silent += (r.sales || r.refunds) && a.booked == INT64_MIN;
	seen->booked += a.booked != INT64_MIN;
	if (!amounts_known(&a))
		return;
	ret->judged++;
	if (!amounts_wrong(&a, &r))
		return;
	if (refund_differs(&r) && !differ(a.told, a.booked))
		judgement_witness(ret, s->key, "the books gave back %s of %s paid",
				  money_text(told, r.refund->total, a.booked_currency),
				  money_text(booked, r.sale->total, a.booked_currency));
	else
		judgement_witness(ret, s->key, "shopper told %s, by price list %s, booked %s",
				  amount_text(told, a.told, a.told_currency),
				  amount_text(expected, a.expected, in->target->currency),
				  amount_text(booked, a.booked, a.booked_currency));
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	struct seen seen = {0};
	struct rows idx;

	(void)opts;
	for (size_t i = 0; i < in->ledgers->told_count; i++)
		seen.refunds |= told_again(&in->ledgers->told[i]);
	rows_build(&idx, in);
	for (size_t i = 0; i < in->sales->count; i++)
		judge_one(in, &idx, &in->sales->at[i], ret, &seen);
	rows_done(&idx);
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " wrong", ret->violations,
		 ret->judged);
	if (seen.silent && ret->verdict == HOLDS && !ret->violations)
		check_inconclusive(ret, "the books have %zu sale%s without an amount", seen.silent,
				   plural((int64_t)seen.silent));
	if (ret->judged && !seen.booked && ret->verdict == HOLDS && !ret->violations)
		check_inconclusive(ret, "nothing to judge: the books have none of the %" PRId64
				   " sale%s", ret->judged, plural(ret->judged));
	check_finish(ret, "no sale has two known amounts to compare",
		     "the amounts of all %" PRId64 " sale%s agree", ret->judged,
		     plural(ret->judged));
}

const struct check_ops check_right_amount = {
	.name = "right-amount",
	.summary = "shopper, price list and books agree on every amount and currency",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.judge = judge,
	.example = "right-amount",
};
