/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/check.h"

/**
 * walk-outs: few enough shoppers leave without a sale.
 *
 *   left <= max                              (a count)
 *   left / (told + left) <= max              (a share)
 *
 * left: shoppers whose patience ended or who found no open lane. Judged: all
 * shoppers.
 */
struct options {
	struct limit max;
};

static const struct opt rows[] = {
	{.name = "max",
	 .type = OPT_CUSTOM,
	 .offset = offsetof(struct options, max),
	 .optional = true,
	 .parse = limit_parse,
	 .scalar = true,
	 .example = "2%",
	 .help = "how many may walk out: a count or a share of all shoppers; absent: none"},
	OPT_END};

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	const struct ledgers *l = in->ledgers;
	double share, lo, hi;
	char waited[DUR_TEXT];

	ret->judged = (int64_t)(l->told_count + l->left_count);
	share = ret->judged ? (double)l->left_count / (double)ret->judged : 0;
	judge_interval((int64_t)l->left_count, ret->judged, &lo, &hi);
	if (o->max.is_ratio ? share > o->max.ratio : (int64_t)l->left_count > o->max.count)
		judgement_witness(ret, NULL,
				  "%zu of %" PRId64 " shoppers walked out (%.1f %%, 95 %% "
				  "interval %.1f to %.1f %%)",
				  l->left_count, ret->judged, share * 100, lo * 100, hi * 100);
	for (size_t i = 0; ret->violations && i < l->left_count && i < 5; i++)
		judgement_witness(
			ret, NULL, "shopper %" PRId64 " left %s after %s: %s", l->left[i].shopper,
			key_text(l->left[i].lane),
			dur_text(waited, shop_ns(in->experiment,
						 l->left[i].left_ns - l->left[i].intended_ns)),
			key_text(l->left[i].why));
	if (ret->violations)
		ret->violations = l->left_count;
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " left", l->left_count,
		 ret->judged);
	limit_text(&o->max, "<=", ret->limit, sizeof(ret->limit));
	check_finish(ret, "no shopper came", "%zu of %" PRId64 " shoppers walked out (%.1f %%)",
		     l->left_count, ret->judged, share * 100);
}

const struct check_ops check_walk_outs = {
	.name = "walk-outs",
	.summary = "few enough shoppers leave without a sale",
	.opts = {rows, sizeof(struct options)},
	.timing = true,
	.queue_based = true,
	.judge = judge,
	.example = "walk-outs: {max: 2%}",
};
