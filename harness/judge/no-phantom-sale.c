/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/check.h"

/**
 * no-phantom-sale: the books have no sale that no shopper made, was refused or took back.
 *
 *   for every new key k in the books with sales(k) >= 1:  told(k) exists
 *   refused(k) (and nothing else acknowledged it)  =>  sales(k) = 0
 *   void(k) told ok                                =>  sales(k) <= refunds(k)
 *
 * Rows that were there before the first shopper are not phantoms. A row whose
 * state says void, cancelled or refunded is not a sale. Judged: keys with a
 * new row, and refused or voided sales. Rows without any key cannot be
 * matched: they make the check inconclusive.
 */
struct options {
	char unused;
};

static const struct opt rows[] = {OPT_END};

static void phantom(const struct judge_in *in, const struct sale *s, const struct tally_rows *r,
		    struct judgement *ret)
{
	char sum[MONEY_TEXT];
	const struct book *b = r->sale;

	if (!r->sales)
		return;
	judgement_witness(ret, s->key, "the books have a sale%s%s that no shopper made",
			  b->total != INT64_MIN ? " of " : "",
			  b->total != INT64_MIN
				  ? money_text(sum, b->total,
					       b->currency ? b->currency : in->target->currency)
				  : "");
}

static bool sale_refused(const struct sale *s)
{
	return s->told && told_refused(s->told) && told_kind(s->told) <= KIND_OVERRIDE;
}

static bool sale_voided(const struct sale *s)
{
	return s->told && told_kind(s->told) == KIND_VOID && s->told->outcome == TOLD_OK;
}

bool sale_phantom(const struct sale *s, const struct tally_rows *r)
{
	return (!s->told && r->sales) || (sale_refused(s) && r->sales) ||
	       (sale_voided(s) && r->sales > r->refunds);
}

static void judge_one(const struct judge_in *in, const struct rows *idx, const struct sale *s,
		      struct judgement *ret)
{
	bool refused = sale_refused(s), voided = sale_voided(s);
	struct tally_rows r;

	if ((!s->books && !refused && !voided) || sale_ambiguous(s, ret))
		return;
	if (rows_tally(idx, s, &r) || refused || voided)
		ret->judged++;
	if (!s->told)
		phantom(in, s, &r, ret);
	else if (refused && r.sales)
		judgement_witness(ret, s->key, "%s refused this sale, but it is in the books",
				  s->told->lane ? s->told->lane : "the till");
	else if (voided && r.sales > r.refunds)
		judgement_witness(ret, s->key, "%s voided this sale, but the books still have it",
				  s->told->lane ? s->told->lane : "the till");
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	size_t unkeyed = in->sales->unkeyed ? books_unkeyed(in->ledgers) : 0;
	struct rows idx;

	(void)opts;
	rows_build(&idx, in);
	for (size_t i = 0; i < in->sales->count; i++)
		judge_one(in, &idx, &in->sales->at[i], ret);
	rows_done(&idx);
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " phantom", ret->violations,
		 ret->judged);
	if (unkeyed && ret->verdict == HOLDS)
		check_inconclusive(ret,
				   "%zu new row%s in the books carr%s no key, so whose sale it is "
				   "cannot be told",
				   unkeyed, plural((int64_t)unkeyed), unkeyed == 1 ? "ies" : "y");
	check_finish(ret, "the books have no new sale and none was refused",
		     "all %" PRId64 " sale%s in the books or refused are accounted for",
		     ret->judged, plural(ret->judged));
}

const struct check_ops check_no_phantom_sale = {
	.name = "no-phantom-sale",
	.summary = "the books have no sale that nobody made, that was refused or voided",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.judge = judge,
	.example = "no-phantom-sale",
};
