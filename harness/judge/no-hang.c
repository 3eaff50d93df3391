/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "judge/check.h"

/**
 * no-hang: the till always shows something, be it an error, within a bounded time.
 *
 *   for every sale:  told.slowest step <= max
 *                    and not (told unknown because a step ran into the driver's deadline)
 *
 * Real time, not shop time. The deadline is the experiment's step_timeout: a
 * step that it cut off would have hung for longer, however large max is. A POS
 * that itself says "timeout" has answered.
 * Judged: sales told anything.
 */
struct options {
	struct dur max;
};

static const struct opt rows[] = {{.name = "max",
				   .type = OPT_DURATION,
				   .offset = offsetof(struct options, max),
				   .def = "60s",
				   .min = "1ms",
				   .domain = DOMAIN_SYSTEM,
				   .scalar = true,
				   .help = "longest a single step may take, real time"},
				  OPT_END};

static int64_t limit_ns(const void *opts, const struct experiment *x)
{
	(void)x;
	return ((const struct options *)opts)->max.ns;
}

static bool cut_off(const struct told *t, int64_t step_timeout_ns)
{
	if (told_acked(t) || t->outcome != TOLD_UNKNOWN)
		return false;
	return str_eq(t->error, TOLD_NO_ANSWER) ||
	       (step_timeout_ns > 0 && t->slowest_ns >= step_timeout_ns - step_timeout_ns / 100);
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	const struct shoppers *s = &in->experiment->shoppers;
	int64_t cut = dur_wall(s->step_timeout, s->pace_milli), slowest = 0;
	const struct experiment *x = in->experiment;
	char a[TIME_TEXT], b[TIME_TEXT];

	for (size_t i = 0; i < in->ledgers->told_count; i++) {
		const struct told *t = &in->ledgers->told[i];
		const char *step = t->slowest ? t->slowest : "a step", *lane = key_text(t->lane);

		ret->judged++;
		if (t->slowest_ns > slowest)
			slowest = t->slowest_ns;
		if (t->slowest_ns > o->max.ns)
			judgement_witness(ret, t->key, "%s: %s took %s, more than %s", lane, step,
					  real_text(a, x, t->slowest_ns),
					  real_text(b, x, o->max.ns));
		else if (cut_off(t, cut))
			judgement_witness(ret, t->key, "%s: %s had not answered after %s", lane,
					  step, real_text(a, x, t->slowest_ns));
	}
	snprintf(ret->figure, sizeof(ret->figure), "slowest step %s", real_text(a, x, slowest));
	snprintf(ret->limit, sizeof(ret->limit), "<= %s", real_text(b, x, o->max.ns));
	check_margin(ret, (double)slowest, (double)o->max.ns, false);
	check_finish(ret, "no sale", "the slowest step of %" PRId64 " sale%s took %s", ret->judged,
		     plural(ret->judged), a);
}

const struct check_ops check_no_hang = {
	.name = "no-hang",
	.summary = "every step of every sale is answered within a bounded time",
	.opts = {rows, sizeof(struct options)},
	.timing = true,
	.limit_ns = limit_ns,
	.judge = judge,
	.example = "no-hang: {max: 30s}",
};
