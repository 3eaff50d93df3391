/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percentiles by exact sort (nearest rank: the smallest sample that at least
 * the share p of all samples does not exceed), with a distribution-free
 * confidence interval: the number of samples below the true percentile is
 * binomial(n, p), so two order statistics bracket it with known probability.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "judge/check.h"

#define Z95 1.959963984540054

void judge_interval(int64_t k, int64_t n, double *ret_lo, double *ret_hi)
{
	double m = (double)n, z2 = Z95 * Z95, p, middle, half;

	*ret_lo = 0;
	*ret_hi = 1;
	if (n <= 0)
		return;
	p = (double)k / m;
	middle = (p + z2 / (2 * m)) / (1 + z2 / m);
	half = Z95 / (1 + z2 / m) * sqrt(p * (1 - p) / m + z2 / (4 * m * m));
	*ret_lo = k == 0 ? 0 : fmax(0, middle - half);
	*ret_hi = k == n ? 1 : fmin(1, middle + half);
}

void samples_add(struct samples *s, int64_t v)
{
	if (s->count == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 256;
		s->at = xrealloc(s->at, s->cap * sizeof(*s->at));
	}
	s->at[s->count++] = v;
	s->sorted = false;
}

void samples_done(struct samples *s)
{
	free(s->at);
	*s = (struct samples){0};
}

/* Radix sort by 16-bit digits: for a million samples several times faster than qsort. */
static void radix_sort(int64_t *at, size_t n)
{
	uint64_t *from = (uint64_t *)at, *to = xcalloc(n, sizeof(*to)), *spare = to;
	size_t *count = xcalloc(65536, sizeof(*count));

	for (size_t i = 0; i < n; i++)
		from[i] ^= UINT64_C(1) << 63;
	for (unsigned shift = 0; shift < 64; shift += 16) {
		size_t sum = 0;
		uint64_t *swap;

		for (size_t i = 0; i < 65536; i++)
			count[i] = 0;
		for (size_t i = 0; i < n; i++)
			count[from[i] >> shift & 65535]++;
		for (size_t i = 0; i < 65536; i++) {
			size_t c = count[i];

			count[i] = sum;
			sum += c;
		}
		for (size_t i = 0; i < n; i++)
			to[count[from[i] >> shift & 65535]++] = from[i];
		swap = from, from = to, to = swap;
	}
	assert(from == (uint64_t *)at); /* four passes: back where it began */
	for (size_t i = 0; i < n; i++)
		from[i] ^= UINT64_C(1) << 63;
	free(spare);
	free(count);
}

static int sample_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

void samples_sort(struct samples *s)
{
	size_t i = 1;

	if (s->sorted)
		return;
	while (i < s->count && s->at[i - 1] <= s->at[i])
		i++;
	if (i >= s->count)
		; /* times often come in order */
	else if (s->count > 20000)
		radix_sort(s->at, s->count);
	else
		qsort(s->at, s->count, sizeof(*s->at), sample_order);
	s->sorted = true;
}

int64_t samples_percentile(struct samples *s, double p)
{
	size_t rank;

	assert(s->count > 0);
	samples_sort(s);
	rank = (size_t)ceil(p * (double)s->count - 1e-9);
	if (rank < 1)
		rank = 1;
	if (rank > s->count)
		rank = s->count;
	return s->at[rank - 1];
}

/* log of the probability that binomial(n, p) is exactly k; 0 < p < 1. */
static double log_pmf(double n, double p, double k)
{
	int sign;

	return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign) +
	       k * log(p) + (n - k) * log1p(-p);
}

/*
 * Ranks l and u (1-based) with P(sample l <= percentile) and P(percentile <=
 * sample u) each at least 97.5 %: l is the largest with P(X < l) <= 2.5 %, u
 * the smallest with P(X >= u) <= 2.5 %, X binomial(n, p). The tails are summed
 * outwards-in from ten deviations away, where nothing is left.
 */
static void rank_bounds(size_t n, double p, size_t *ret_l, size_t *ret_u)
{
	double m = (double)n, spread = 10 * sqrt(m * p * (1 - p)) + 10, sum = 0;
	double k = floor(fmax(0, m * p - spread));

	for (; k < m; k++) {
		sum += exp(log_pmf(m, p, k));
		if (sum > 0.025)
			break;
	}
	*ret_l = k < 1 ? 0 : (size_t)k;
	sum = 0;
	for (k = ceil(fmin(m, m * p + spread)); k > 0; k--) {
		sum += exp(log_pmf(m, p, k));
		if (sum > 0.025)
			break;
	}
	*ret_u = (size_t)k + 1;
}

void samples_rank_interval(struct samples *s, double p, int64_t *ret_lo, int64_t *ret_hi)
{
	size_t l, u;

	assert(s->count > 0 && p > 0 && p < 1);
	samples_sort(s);
	rank_bounds(s->count, p, &l, &u);
	*ret_lo = l >= 1 ? s->at[l - 1] : 0;
	*ret_hi = u <= s->count ? s->at[u - 1] : -1;
}

double samples_mean(const struct samples *s)
{
	double sum = 0;

	for (size_t i = 0; i < s->count; i++)
		sum += (double)s->at[i];
	return s->count ? sum / (double)s->count : 0;
}
