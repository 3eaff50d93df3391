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
 * shoppers but those that the end of the trial sent home.
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
	 .pattern = LIMIT_PATTERN,
	 .scalar = true,
	 .example = "2%",
	 .help = "how many may walk out: a count or a share of all shoppers; absent: none"},
	OPT_END};

/* The first few, so that the figure has faces. */
static void name_some(const struct judge_in *in, struct judgement *ret)
{
	char waited[TIME_TEXT];

	for (size_t i = 0; i < in->ledgers->left_count && ret->witnesses < 6; i++) {
		const struct left *l = &in->ledgers->left[i];

		if (left_sent_home(l))
			continue;
		judgement_witness(
			ret, NULL, "shopper %" PRId64 " left %s after %s: %s", l->shopper,
			key_text(l->lane),
			shop_text(waited, in->experiment,
				  shop_ns(in->experiment, l->left_ns - l->intended_ns)),
			key_text(l->why));
	}
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	struct headcount n = headcount(in->ledgers);
	double share, lo, hi;

	ret->judged = n.all;
	share = n.all ? (double)n.left / (double)n.all : 0;
	judge_interval(n.left, n.all, &lo, &hi);
	if (o->max.is_ratio ? share > o->max.ratio : n.left > o->max.count)
		judgement_witness(ret, NULL,
				  "%" PRId64 " of %" PRId64 " shoppers walked out (%.1f %%, 95 %% "
				  "interval %.1f to %.1f %%)",
				  n.left, n.all, share * 100, lo * 100, hi * 100);
	if (ret->violations) {
		name_some(in, ret);
		ret->violations = (size_t)n.left;
	}
	snprintf(ret->figure, sizeof(ret->figure), "%" PRId64 " of %" PRId64 " left", n.left,
		 n.all);
	limit_text(&o->max, "<=", ret->limit, sizeof(ret->limit));
	limit_margin(&o->max, false, n.left, n.all, ret);
	check_finish(ret, "no shopper came",
		     "%" PRId64 " of %" PRId64 " shoppers walked out (%.1f %%)", n.left, n.all,
		     share * 100);
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
