/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/charges.h"

/**
 * paid-means-money: what the books call paid by card, the bank has.
 *
 *   for every key k with card money in the books:  net(k) = booked(k)
 *
 * booked is the sum of the key's payments by card, where `books: payments:` is
 * given, else the total of a sale whose tender is card. Judged: such keys.
 */
struct options {
	struct tenders_opts t;
};
static const struct opt rows[] = {TENDERS_ROW(options), OPT_END};

static void judge_one(const struct judge_in *in, const struct account *a, struct judgement *ret,
		      size_t *silent)
{
	char booked[MONEY_TEXT], net[MONEY_TEXT];

	*silent += a->tender_unknown && a->rows.sale;
	if (a->booked <= 0 || !a->rows.sales)
		return;
	ret->judged++;
	if (a->net == a->booked)
		return;
	judgement_witness(ret, a->key, "the books have %s paid by card, the bank has %s%s",
			  money_text(booked, a->booked, in->target->currency),
			  a->net ? money_text(net, a->net, in->target->currency) : "nothing",
			  !a->net && a->hold > 0 ? " but a hold that was never captured" :
			  !a->net && a->count	 ? ": it gave it back" : "");
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	struct accounts_view v;
	size_t silent = 0;

	accounts_build(&v, in, &o->t);
	for (size_t i = 0; i < v.count && charges_judgeable(in, &v, ret); i++)
		judge_one(in, &v.at[i], ret, &silent);
	accounts_done(&v);
	if (silent && ret->verdict == HOLDS && !ret->violations)
		check_inconclusive(ret, "the books do not say how %zu sale%s paid", silent,
				   silent == 1 ? " was" : "s were");
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " without the money",
		 ret->violations, ret->judged);
	check_finish(ret, "no sale in the books was paid by card",
		     "the bank has the money of all %" PRId64 " sale%s paid by card", ret->judged,
		     plural(ret->judged));
}

const struct check_ops check_paid_means_money = {
	.name = "paid-means-money",
	.summary = "what the books call paid by card, the bank has, to the cent",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.judge = judge,
	.example = "paid-means-money: {tenders: [card]}",
};
