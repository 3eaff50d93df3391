/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BENCH_H
#define WD_BENCH_H

/* What a bench tells tests/bench/run: one line for each figure. See tests/bench/README.md. */
#include <stdio.h>

/**
 * figure - print one figure's line. words: what it is, without tabs; unit: "ms", "x", "/s"; bound:
 * "<=" or ">="; low and high: between which values it lay within this run (both equal to value
 * when it was taken once), which is what decides whether a limit was missed outside the noise.
 */
static inline void figure(const char *words, double value, const char *unit, const char *bound,
			  double limit, double low, double high)
{
	printf("figure\t%s\t%.9g\t%s\t%s\t%.9g\t%.9g\t%.9g\n", words, value, unit, bound, limit,
	       low, high);
}

#endif
