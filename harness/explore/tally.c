/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting verdicts. The share of violated trials is an estimate from few
 * seeds, so it never appears without its interval.
 */
#include <stdlib.h>

#include "explore/suite.h"

int64_t tally_judged(const struct tally *t)
{
	return t->by[HOLDS] + t->by[VIOLATED];
}

struct tally suite_tally(const struct suite *s, int64_t x)
{
	struct tally t = {0};
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (x >= 0 && s->at[i].experiment != x)
			continue;
		t.trials++;
		t.by[s->at[i].verdict]++;
	}
	judge_interval(t.by[VIOLATED], tally_judged(&t), &t.low, &t.high);
	return t;
}

enum verdict suite_verdict(const struct suite *s)
{
	enum verdict worst = HOLDS;
	size_t i;

	for (i = 0; i < s->count; i++)
		worst = verdict_worse(worst, (enum verdict)s->at[i].verdict);
	return worst;
}

void suite_done(struct suite *s)
{
	free(s->at);
	*s = (struct suite){0};
}
