/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/check.h"

/**
 * missed-trains: few enough shoppers miss the train they had to catch.
 *
 *   missed <= max                            (a count)
 *   missed / (told + left) <= max            (a share of all shoppers)
 *
 * A train is missed by who was served too late, and by who gave up waiting
 * after it had gone. Judged: all shoppers, when some had a train to catch
 * (shoppers: train).
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
	 .example = "1%",
	 .help = "how many may miss it: a count or a share of all shoppers; absent: none"},
	OPT_END};

static int64_t count_missed(const struct judge_in *in, struct judgement *ret)
{
	const struct ledgers *l = in->ledgers;
	char took[TIME_TEXT];
	int64_t missed = 0;

	for (size_t i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];

		if (!t->train_missed)
			continue;
		missed++;
		judgement_witness(
			ret, t->key, "shopper %" PRId64 " missed the train: %s in the shop",
			t->shopper,
			shop_text(took, in->experiment,
				  shop_ns(in->experiment, t->end_ns - t->intended_ns)));
	}
	for (size_t i = 0; i < l->left_count; i++) {
		if (!l->left[i].train_missed)
			continue;
		missed++;
		judgement_witness(ret, NULL,
				  "shopper %" PRId64 " missed the train and left without "
				  "a sale",
				  l->left[i].shopper);
	}
	return missed;
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	int64_t all = (int64_t)(in->ledgers->told_count + in->ledgers->left_count), missed;
	double share, lo, hi;

	missed = count_missed(in, ret);
	share = all ? (double)missed / (double)all : 0;
	judge_interval(missed, all, &lo, &hi);
	ret->judged = in->experiment->shoppers.train > 0 || missed ? all : 0;
	snprintf(ret->figure, sizeof(ret->figure), "%" PRId64 " of %" PRId64 " missed it", missed,
		 all);
	limit_text(&o->max, "<=", ret->limit, sizeof(ret->limit));
	limit_margin(&o->max, false, missed, all, ret);
	if (o->max.is_ratio ? share <= o->max.ratio : missed <= o->max.count)
		check_forget(ret);
	check_finish(ret, "nobody had a train to catch (shoppers: train)",
		     "%" PRId64 " of %" PRId64
		     " shoppers missed their train (%.1f %%, 95 %% interval %.1f to %.1f %%)",
		     missed, all, share * 100, lo * 100, hi * 100);
	if (ret->verdict == VIOLATED)
		snprintf(ret->why, sizeof(ret->why),
			 "%" PRId64 " of %" PRId64 " shoppers missed "
			 "their train (%.1f %%, 95 %% interval %.1f to %.1f %%)",
			 missed, all, share * 100, lo * 100, hi * 100);
}

const struct check_ops check_missed_trains = {
	.name = "missed-trains",
	.summary = "few enough shoppers miss the train they had to catch",
	.opts = {rows, sizeof(struct options)},
	.timing = true,
	.queue_based = true,
	.judge = judge,
	.example = "missed-trains: {max: 1%}",
};
