/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/check.h"

/**
 * answered-sales: shoppers who reached a till got a clear answer.
 *
 *   (told ok or refused, or acknowledged otherwise) / told >= min
 *
 * The rest was told unknown: an error page, a reset, a timeout. Judged: sales
 * told anything, but for those that the end of the trial cut short.
 */
struct options {
	double min;
};

static const struct opt rows[] = {{.name = "min",
				   .type = OPT_RATIO,
				   .offset = offsetof(struct options, min),
				   .def = "100%",
				   .scalar = true,
				   .help = "share of sales that must end in ok or refused"},
				  OPT_END};

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	const struct ledgers *l = in->ledgers;
	int64_t unknown = 0;
	double lo, hi, share;

	for (size_t i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];

		if (told_cut_short(t))
			continue;
		ret->judged++;
		if (told_acked(t) || t->outcome == TOLD_REFUSED)
			continue;
		unknown++;
		judgement_witness(ret, t->key, "%s gave no clear answer: %s", key_text(t->lane),
				  t->error ? t->error : "no reason known");
	}
	share = ret->judged ? 1 - (double)unknown / (double)ret->judged : 0;
	judge_interval(ret->judged - unknown, ret->judged, &lo, &hi);
	if (share >= o->min)
		check_forget(ret);
	snprintf(ret->figure, sizeof(ret->figure), "%.2f %% answered", share * 100);
	snprintf(ret->limit, sizeof(ret->limit), ">= %.4g %%", o->min * 100);
	check_margin(ret, share, o->min, true);
	check_finish(ret, "no sale",
		     "%" PRId64 " of %" PRId64 " sales were answered (95 %% interval "
		     "%.1f to %.1f %%)",
		     ret->judged - unknown, ret->judged, lo * 100, hi * 100);
	if (ret->verdict == VIOLATED)
		snprintf(ret->why, sizeof(ret->why),
			 "%" PRId64 " of %" PRId64 " sales got no clear "
			 "answer",
			 unknown, ret->judged);
}

const struct check_ops check_answered_sales = {
	.name = "answered-sales",
	.summary = "shoppers get a clear answer: paid or refused, not an error or silence",
	.opts = {rows, sizeof(struct options)},
	.judge = judge,
	.example = "answered-sales: {min: 99%}",
};
