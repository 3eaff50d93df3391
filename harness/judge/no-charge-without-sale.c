/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/charges.h"

/**
 * no-charge-without-sale: who was charged has bought something.
 *
 *   for every key k:  net(k) > 0  =>  the books have a sale k, paid by card
 *
 * net is what the bank captured and has not given back. A refused, voided or
 * forgotten sale must leave nothing. Whether the amount is right is for
 * paid-means-money to say. Judged: keys under which the bank approved anything.
 */
struct options {
	struct tenders_opts t;
};
static const struct opt rows[] = {TENDERS_ROW(options), OPT_END};

static const char *books_words(const struct account *a)
{
	return !a->rows.sale && a->rows.voids ? "in the books the sale is void" :
	       !a->rows.sale		      ? "the books have no such sale" :
						"in the books it was not paid by card";
}

static const char *told_words(const struct account *a)
{
	const struct told *t = a->sale ? a->sale->told : NULL;

	return !t ? "nobody was told of it" : told_acked(t) ? "the shopper was told \"paid\"" :
	       t->outcome == TOLD_REFUSED ? "the shopper was refused" :
					    "the shopper got no answer";
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	struct accounts_view v;

	accounts_build(&v, in, &o->t);
	for (size_t i = 0; i < v.count && charges_judgeable(in, &v, ret); i++) {
		const struct account *a = &v.at[i];
		struct buf text = {0};

		ret->judged += a->count > 0;
		if (a->net <= 0 || (a->rows.sale && (a->booked > 0 || a->tender_unknown)))
			continue;
		charges_text(a, in, &text);
		judgement_witness(ret, a->key, "the bank has taken %s, but %s; %s", text.data,
				  books_words(a), told_words(a));
		buf_done(&text);
	}
	accounts_done(&v);
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " charged for nothing",
		 ret->violations, ret->judged);
	check_finish(ret, "the bank approved nothing",
		     "each of %" PRId64 " charge%s that stayed is a sale in the books",
		     ret->judged, plural(ret->judged));
}

const struct check_ops check_no_charge_without_sale = {
	.name = "no-charge-without-sale",
	.summary = "whoever was charged has a sale in the books",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.judge = judge,
	.example = "no-charge-without-sale: {tenders: [card]}",
};
