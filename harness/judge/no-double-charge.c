/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/charges.h"

/**
 * no-double-charge: no card pays twice for one sale.
 *
 *   for every key k:  at most one payment that has taken or still holds money
 *
 * A second charge that was given back is none. One that is only held counts:
 * for weeks the shopper cannot spend that money. Judged: keys under which the
 * bank approved anything.
 */
struct options {
	char unused;
};
static const struct opt rows[] = {OPT_END};

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct tenders_opts any = {0}; /* what the books say does not matter here */
	struct accounts_view v;

	(void)opts;
	accounts_build(&v, in, &any);
	for (size_t i = 0; i < v.count && charges_judgeable(in, &v, ret); i++) {
		const struct account *a = &v.at[i];
		struct buf text = {0};

		ret->judged += a->count > 0;
		if (a->open < 2)
			continue;
		charges_text(a, in, &text);
		judgement_witness(ret, a->key, "the card paid %zu times: %s", a->open, text.data);
		buf_done(&text);
	}
	accounts_done(&v);
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " charged twice",
		 ret->violations, ret->judged);
	check_finish(ret, "the bank approved nothing",
		     "none of %" PRId64 " card payment%s was charged twice", ret->judged,
		     plural(ret->judged));
}

const struct check_ops check_no_double_charge = {
	.name = "no-double-charge",
	.summary = "no card pays twice for one sale, by what the bank has",
	.opts = {rows, sizeof(struct options)},
	.judge = judge,
	.example = "no-double-charge",
};
