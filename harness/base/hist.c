/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Values below 2048 have a counter each. Above, every
 * doubling has 1024 counters, so a counter's width is at most 1/1024 of the
 * value it stands for: three significant digits. With e = the number of
 * doublings above 2047, the counter of v is e * 1024 + (v >> e).
 *
 * The table (280 KB) is one zeroed allocation, of which the kernel only hands
 * out the pages that are used.
 */
#include "base/hist.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define SUB_BITS 11		       /* 2048 sub-buckets */
#define SUB_HALF (1 << (SUB_BITS - 1)) /* counters per further doubling */
#define VALUE_BITS 44		       /* up to 2^44 - 1 ns, 4.9 hours */
#define VALUE_MAX ((INT64_C(1) << VALUE_BITS) - 1)
#define COUNTERS ((VALUE_BITS - SUB_BITS + 2) * SUB_HALF)

struct hist {
	uint64_t count;
	int64_t min, max;
	__int128 sum; /* exact: the mean of a million hours must not drift */
	uint64_t at[COUNTERS];
};

static unsigned index_of(int64_t v)
{
	unsigned bits = v ? 64 - (unsigned)__builtin_clzll((uint64_t)v) : 0;
	unsigned e = bits > SUB_BITS ? bits - SUB_BITS : 0;

	return e * SUB_HALF + (unsigned)(v >> e);
}

static int64_t lowest(unsigned i)
{
	unsigned e = i < 2 * SUB_HALF ? 0 : i / SUB_HALF - 1;

	return (int64_t)(i - e * SUB_HALF) << e;
}

static int64_t highest(unsigned i)
{
	return lowest(i + 1) - 1;
}

struct hist *hist_new(void)
{
	struct hist *h = xcalloc(1, sizeof(*h));

	h->min = INT64_MAX;
	return h;
}

void hist_free(struct hist *h)
{
	free(h);
}

void hist_reset(struct hist *h)
{
	if (h->count) {
		unsigned first = index_of(h->min), last = index_of(h->max);

		memset(h->at + first, 0, (last - first + 1) * sizeof(h->at[0]));
	}
	h->count = 0;
	h->sum = 0;
	h->min = INT64_MAX;
	h->max = 0;
}

void hist_add(struct hist *h, int64_t value)
{
	int64_t v = value < 0 ? 0 : value > VALUE_MAX ? VALUE_MAX : value;

	h->at[index_of(v)]++;
	h->count++;
	h->sum += v;
	if (v < h->min)
		h->min = v;
	if (v > h->max)
		h->max = v;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	if (!from->count)
		return;
	for (unsigned i = index_of(from->min), last = index_of(from->max); i <= last; i++)
		into->at[i] += from->at[i];
	into->count += from->count;
	into->sum += from->sum;
	if (from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t hist_count(const struct hist *h)
{
	return h->count;
}

int64_t hist_max(const struct hist *h)
{
	return h->max;
}

int64_t hist_min(const struct hist *h)
{
	return h->count ? h->min : 0;
}

double hist_mean(const struct hist *h)
{
	return h->count ? (double)h->sum / (double)h->count : 0;
}

/* rank_of - how many values are at or below percentile p: nearest rank, at least one. */
static uint64_t rank_of(const struct hist *h, double p)
{
	double rank;

	if (p >= 100)
		return h->count;
	/* one step down, so that 99.9 % of 1000 is 999 whatever the rounding */
	rank = ceil(nextafter(p, -1) / 100 * (double)h->count);
	return rank < 1 ? 1 : (uint64_t)rank;
}

int64_t hist_percentile(const struct hist *h, double p)
{
	uint64_t rank, seen = 0;

	if (!h->count)
		return 0;
	if (p <= 0)
		return h->min;
	rank = rank_of(h, p);
	for (unsigned i = index_of(h->min); i < COUNTERS; i++) {
		seen += h->at[i];
		if (seen >= rank)
			return highest(i) < h->max ? highest(i) : h->max;
	}
	return h->max;
}

void hist_each(const struct hist *h, void (*fn)(int64_t lo, int64_t hi, uint64_t count, void *arg),
	       void *arg)
{
	if (!h->count)
		return;
	for (unsigned i = index_of(h->min), last = index_of(h->max); i <= last; i++)
		if (h->at[i])
			fn(lowest(i), highest(i), h->at[i], arg);
}

/* ---- .hgrm ---- */

#define TICKS_PER_HALF 5 /* rows for each halving of the distance to 100 % */

static double deviation(const struct hist *h)
{
	double mean = hist_mean(h), sum = 0;

	for (unsigned i = index_of(hist_min(h)), last = index_of(h->max); i <= last; i++) {
		double middle = ((double)lowest(i) + (double)highest(i)) / 2;

		sum += (double)h->at[i] * (middle - mean) * (middle - mean);
	}
	return h->count ? sqrt(sum / (double)h->count) : 0;
}

/* next_percentile - the row after p. */
static double next_percentile(double p)
{
	double halvings = floor(log2(100 / (100 - p))) + 1;

	return p + 100 / (exp2(halvings) * TICKS_PER_HALF);
}

static uint64_t count_upto(const struct hist *h, int64_t value)
{
	uint64_t seen = 0;

	for (unsigned i = index_of(hist_min(h)), last = index_of(value); i <= last; i++)
		seen += h->at[i];
	return seen;
}

static void write_rows(const struct hist *h, FILE *out, double unit)
{
	for (double p = 0; h->count; p = next_percentile(p)) {
		int64_t v = hist_percentile(h, p);
		uint64_t seen = count_upto(h, v);

		if (seen == h->count)
			break;
		fprintf(out, "%12.3f %2.12f %10llu %14.2f\n", (double)v / unit, p / 100,
			(unsigned long long)seen, 100 / (100 - p));
	}
	fprintf(out, "%12.3f %2.12f %10llu\n", (double)h->max / unit, 1.0,
		(unsigned long long)h->count);
}

int hist_write_hgrm(const struct hist *h, FILE *out, double unit)
{
	fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	write_rows(h, out, unit);
	fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", hist_mean(h) / unit,
		deviation(h) / unit);
	fprintf(out, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)h->max / unit,
		(unsigned long long)h->count);
	fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", VALUE_BITS - SUB_BITS + 1,
		2 * SUB_HALF);
	return ferror(out) ? -EIO : 0;
}
