/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "judge/charges.h"

/**
 * reversals-delivered: what was approved for nothing is given back, in time.
 *
 *   for every approved payment that is not the one of a sale booked by card:
 *     it was reversed, at most `within` after its approval and after the heal
 *     of every fault that was in effect meanwhile
 *
 * A payment that is only held is due, too, when its sale is not in the books.
 * Judged: payments whose reversal was due. Without one it is inconclusive: a
 * till that never had to reverse has not shown that it does.
 */
struct options {
	struct tenders_opts t;
	struct dur within;
};
static const struct opt rows[] = {
	TENDERS_ROW(options),
	{.name = "within", .type = OPT_DURATION, .offset = offsetof(struct options, within),
	 .domain = DOMAIN_SYSTEM, .optional = true, .min = "1ms",
	 .help = "how long it may take; without it: until the trial's end", .example = "30s"},
	OPT_END};

struct look {
	const struct judge_in *in;
	const struct options *o;
	struct fault_window *windows;
	size_t windows_count;
};

/* From when on it counts: a till cannot reverse while the way to its bank is broken. */
static int64_t counts_from(const struct look *k, const struct charge *c)
{
	int64_t from = c->t_ns;

	for (size_t i = 0; i < k->windows_count; i++)
		if (k->windows[i].armed_ns <= from && k->windows[i].healed_ns > from)
			from = k->windows[i].healed_ns;
	return from;
}

static void judge_one(const struct look *k, const struct account *a, const struct charge *c,
		      struct judgement *ret)
{
	char sum[MONEY_TEXT], took[TIME_TEXT];
	const char *currency = c->currency ? c->currency : k->in->target->currency;
	int64_t late;

	ret->judged++;
	if (charge_net(c) > 0 || charge_hold(c) > 0) {
		judgement_witness(ret, a->key, "%s, %s, was approved and never reversed; %s",
				  c->rrn, money_text(sum, c->authorised, currency),
				  a->rows.sale ? "the sale was paid otherwise" :
						 "there is no such sale in the books");
		return;
	}
	late = c->reversed_ns - counts_from(k, c);
	if (k->o->within.ns >= 0 && late > k->o->within.ns)
		judgement_witness(ret, a->key, "%s, %s, was reversed only after %s", c->rrn,
				  money_text(sum, c->authorised, currency),
				  real_text(took, k->in->experiment, late));
}

static void judge_account(const struct look *k, const struct account *a, struct judgement *ret)
{
	bool paid = a->rows.sale && (a->booked > 0 || a->tender_unknown), kept = false;

	for (size_t i = 0; i < a->count; i++) {
		const struct charge *c = &a->at[i];
		bool open = charge_net(c) > 0 || charge_hold(c) > 0;

		if (paid && open && !kept)
			kept = true; /* that is the one it was paid with */
		else
			judge_one(k, a, c, ret);
	}
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	struct look k = {.in = in, .o = opts};
	struct accounts_view v;

	accounts_build(&v, in, &k.o->t);
	k.windows_count = judge_windows(in->ledgers, &k.windows);
	for (size_t i = 0; i < v.count && charges_judgeable(in, &v, ret); i++)
		judge_account(&k, &v.at[i], ret);
	free(k.windows);
	accounts_done(&v);
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " not given back",
		 ret->violations, ret->judged);
	check_finish(ret, "no payment had to be reversed",
		     "all %" PRId64 " payment%s that had to be reversed were", ret->judged,
		     plural(ret->judged));
}

const struct check_ops check_reversals_delivered = {
	.name = "reversals-delivered",
	.summary = "payments approved for a sale that came to nothing are reversed, in time",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.judge = judge,
	.example = "reversals-delivered: {within: 30s}",
};
