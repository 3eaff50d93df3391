/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/check.h"

/**
 * sales-served: the shop kept selling.
 *
 *   acknowledged >= min                      (a count)
 *   acknowledged / (told + left) >= min      (a share of all shoppers)
 *
 * A shopper counts once, also one who had a refund. Judged: all shoppers but
 * those that the end of the trial sent home.
 */
struct options {
	struct limit min;
};

static const struct opt rows[] = {
	{.name = "min",
	 .type = OPT_CUSTOM,
	 .offset = offsetof(struct options, min),
	 .parse = limit_parse,
	 .pattern = LIMIT_PATTERN,
	 .scalar = true,
	 .example = "95%",
	 .help = "how many sales must succeed: a count or a share of all shoppers"},
	OPT_END};

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	struct headcount n = headcount(in->ledgers);
	int64_t served = n.served;
	double share;

	ret->judged = n.all;
	share = ret->judged ? (double)served / (double)ret->judged : 0;
	if (o->min.is_ratio ? share < o->min.ratio : served < o->min.count)
		judgement_witness(ret, NULL,
				  "only %" PRId64 " of %" PRId64 " shoppers were served "
				  "(%.1f %%)",
				  served, ret->judged, share * 100);
	snprintf(ret->figure, sizeof(ret->figure), "%" PRId64 " of %" PRId64 " served", served,
		 ret->judged);
	limit_text(&o->min, ">=", ret->limit, sizeof(ret->limit));
	limit_margin(&o->min, true, served, n.all, ret);
	check_finish(ret, "no shopper came",
		     "%" PRId64 " of %" PRId64 " shoppers were served "
		     "(%.1f %%)",
		     served, ret->judged, share * 100);
}

const struct check_ops check_sales_served = {
	.name = "sales-served",
	.summary = "enough shoppers are served",
	.opts = {rows, sizeof(struct options)},
	.judge = judge,
	.example = "sales-served: {min: 95%}",
};
