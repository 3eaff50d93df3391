/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/check.h"

/**
 * no-duplicate-sale: no sale is in the books twice, whatever the shopper was told.
 *
 *   for every key k in the books:  sales(k) <= 1  and  refunds(k) <= 1
 *
 * Rows that were there at the start do not count. A voided sale that is also
 * booked again under its key is one sale and one void: allowed. A voided
 * sale that the books keep as sale and negative row is fine too. Judged: keys
 * with at least one new row. New rows without a key may be doubles: then it is
 * inconclusive, unless one is proven.
 */
struct options {
	char unused;
};

static const struct opt rows[] = {OPT_END};

static void judge_one(const struct rows *idx, const struct sale *s, struct judgement *ret)
{
	struct tally_rows r;
	const char *outcome;

	if (!s->books || sale_ambiguous(s, ret) || !rows_tally(idx, s, &r))
		return;
	ret->judged++;
	outcome = !s->told			     ? "nobody was told of it"
		  : told_acked(s->told)		     ? "the shopper was told \"paid\" once"
		  : s->told->outcome == TOLD_REFUSED ? "the shopper was refused"
						     : "the shopper got no answer";
	if (!sale_doubled(&r))
		return;
	if (r.sales > 1)
		judgement_witness(ret, s->key, "the books have %u sales with this key; %s", r.sales,
				  outcome);
	else
		judgement_witness(ret, s->key, "the books have %u refunds with this key; %s",
				  r.refunds, outcome);
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	size_t unkeyed = in->sales->unkeyed ? books_unkeyed(in->ledgers) : 0;
	struct rows idx;

	(void)opts;
	rows_build(&idx, in);
	for (size_t i = 0; i < in->sales->count; i++)
		judge_one(&idx, &in->sales->at[i], ret);
	rows_done(&idx);
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " doubled", ret->violations,
		 ret->judged);
	if (unkeyed && ret->verdict == HOLDS && !ret->violations)
		check_inconclusive(ret,
				   "%zu new row%s in the books carr%s no key and may be the same "
				   "sale again",
				   unkeyed, plural((int64_t)unkeyed), unkeyed == 1 ? "ies" : "y");
	check_finish(ret, "the books have no new sale",
		     "none of %" PRId64 " sale%s in the books is "
		     "there twice",
		     ret->judged, plural(ret->judged));
}

const struct check_ops check_no_duplicate_sale = {
	.name = "no-duplicate-sale",
	.summary = "no sale is in the books twice, however often it was tried",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.judge = judge,
	.example = "no-duplicate-sale",
};
