/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_HIST_H
#define WD_BASE_HIST_H

#include <stdint.h>
#include <stdio.h>

/*
 * A high dynamic range histogram of int64 values (ns): 3 significant digits
 * (2048 sub-buckets), 1 ns to 4.9 hours, values beyond are clamped and
 * counted. After Gil Tene's HdrHistogram; written here because Debian has no C one.
 */
struct hist;

struct hist *hist_new(void);
void hist_free(struct hist *h);
void hist_reset(struct hist *h);
void hist_add(struct hist *h, int64_t value);
void hist_merge(struct hist *into, const struct hist *from);
uint64_t hist_count(const struct hist *h);
int64_t hist_max(const struct hist *h);
int64_t hist_min(const struct hist *h);
double hist_mean(const struct hist *h);
/** hist_percentile - value at percentile p (0..100); 0 when empty. */
int64_t hist_percentile(const struct hist *h, double p);
/** hist_write_hgrm - the .hgrm percentile table that HdrHistogram plotters read; values / unit. */
int hist_write_hgrm(const struct hist *h, FILE *out, double unit);
/** hist_each - call fn for each non-empty bucket with its lowest and highest value and count. */
void hist_each(const struct hist *h, void (*fn)(int64_t lo, int64_t hi, uint64_t count, void *arg),
	       void *arg);

#endif
