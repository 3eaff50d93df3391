/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "judge/check.h"

/**
 * fallback-works: while something is broken, the shop goes on selling in another way.
 *
 *   for every sale by one of `tenders` that was at a till while a fault was in effect:
 *     it was acknowledged, and no step of it took longer than `max`
 *
 * At least `min` of them. With the way to the bank broken that is cash (the default); with a
 * printer broken `tenders: [cash, card]`: the sale must go on, the receipt may come later. Judged:
 * those sales, but for those that the end of the trial cut short; without one: inconclusive.
 */
struct options {
	struct strlist tenders;
	struct dur max;
	double min;
};

static const struct opt rows[] = {
	{.name = "tenders", .type = OPT_STRLIST, .offset = offsetof(struct options, tenders),
	 .def = "[cash]", .help = "how shoppers pay who must be served all the same"},
	{.name = "max", .type = OPT_DURATION, .offset = offsetof(struct options, max),
	 .def = "10s", .min = "100ms", .domain = DOMAIN_SYSTEM,
	 .help = "longest that a single step of such a sale may take, real time"},
	{.name = "min", .type = OPT_RATIO, .offset = offsetof(struct options, min),
	 .def = "100%", .help = "share of them that must be served so"},
	OPT_END};

static int64_t limit_ns(const void *opts, const struct experiment *x)
{
	(void)x;
	return ((const struct options *)opts)->max.ns;
}

static bool meant(const struct options *o, const struct told *t)
{
	if (told_cut_short(t) || (t->kind && !str_eq(t->kind, "sale")))
		return false;
	for (size_t i = 0; i < o->tenders.count; i++)
		if (str_eq(o->tenders.at[i], t->tender))
			return true;
	return false;
}

/* Was this one served as on any other day? */
static bool served(const struct judge_in *in, const struct options *o, const struct told *t,
		   struct judgement *ret)
{
	char took[TIME_TEXT], most[TIME_TEXT];

	if (!told_acked(t)) {
		judgement_witness(ret, t->key, "%s: %s sale was not made: %s", key_text(t->lane),
				  key_text(t->tender), t->error ? t->error : "no reason known");
		return false;
	}
	if (t->slowest_ns <= o->max.ns)
		return true;
	judgement_witness(ret, t->key, "%s: %s took %s, more than %s", key_text(t->lane),
			  t->slowest ? t->slowest : "a step",
			  real_text(took, in->experiment, t->slowest_ns),
			  real_text(most, in->experiment, o->max.ns));
	return false;
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	struct fault_window *windows;
	size_t n = judge_windows(in->ledgers, &windows);
	int64_t good = 0;
	double share;

	for (size_t i = 0; i < in->ledgers->told_count; i++) {
		const struct told *t = &in->ledgers->told[i];

		if (!meant(o, t) || during_of(windows, n, t->start_ns, t->end_ns) != DURING_FAULT)
			continue;
		ret->judged++;
		good += served(in, o, t, ret);
	}
	free(windows);
	share = ret->judged ? (double)good / (double)ret->judged : 0;
	if (ret->judged && share >= o->min)
		check_forget(ret);
	snprintf(ret->figure, sizeof(ret->figure), "%" PRId64 " of %" PRId64 " served", good,
		 ret->judged);
	snprintf(ret->limit, sizeof(ret->limit), ">= %.4g %%", o->min * 100);
	check_margin(ret, share, o->min, true);
	check_finish(ret, "nobody paid so while a fault was in effect",
		     "%" PRId64 " of %" PRId64 " sale%s went on while something was broken", good,
		     ret->judged, plural(ret->judged));
}

const struct check_ops check_fallback_works = {
	.name = "fallback-works",
	.summary = "while something is broken, sales go on in another way, within a bound",
	.opts = {rows, sizeof(struct options)},
	.timing = true,
	.limit_ns = limit_ns,
	.judge = judge,
	.example = "fallback-works: {tenders: [cash], max: 5s}",
};
