/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_BASELINE_H
#define WD_EXPLORE_BASELINE_H

#include <stdbool.h>
#include <stdint.h>

struct experiment;
struct target;
struct err;

/** struct baseline - what a good day of the same file and seed was like. */
struct baseline {
	double rate;	/* sales told ok per wall second; < 0: unknown */
	int64_t p95_ns; /* checkout */
	int64_t system_p50_ns, human_mean_ns; /* of a checkout: the POS's own, real; human, shop */
};
/**
 * baseline_key - names the good day: target digest, load (the experiment
 * without its faults), seed and this very program. Caller frees.
 */
char *baseline_key(const struct experiment *x, const struct target *t, int64_t seed);
/** baseline_find - true when that good day is known to hold. */
bool baseline_find(const char *out, const char *key, struct baseline *ret);
/** baseline_save - only of a good day that held. @temp: a folder of ours in out to write it in.
 * @good: its results, whose aggregates.json is remembered, too. */
int baseline_save(const char *out, const char *temp, const char *key, const struct baseline *b,
		  const char *good, struct err *e);
/** baseline_folder, baseline_drawn - where that file of a remembered good day is. Caller frees. */
char *baseline_folder(const char *out);
char *baseline_drawn(const char *key);

#endif
