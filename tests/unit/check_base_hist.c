/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: percentiles that a release is judged by.
 * Expected: within 1/1024 of the same percentile of the sorted values, and
 * never below it. Buggy results: an index off by one at a power of two, lost
 * counts when merging.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/draw.h"
#include "base/hist.h"
#include "tests/unit/suite.h"

#define VALUES 20000

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* shape - values of three kinds: small, latencies, everything. */
static int64_t shape(int kind, uint64_t i)
{
	struct draw d = {5, "hist", i, (uint64_t)kind};

	if (kind == 0)
		return draw_range(d, 0, 3000);
	if (kind == 1)
		return (int64_t)draw_lognormal(d, 25e6, 1.5);
	return draw_range(d, 0, INT64_C(1) << draw_range(d, 0, 43));
}

static const double percentiles[] = {0, 0.01, 1, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100};

START_TEST(test_against_sorted)
{
	int64_t *sorted = calloc(VALUES, sizeof(*sorted));
	struct hist *h = hist_new();
	double sum = 0;

	for (unsigned i = 0; i < VALUES; i++) {
		sorted[i] = shape(_i, i);
		hist_add(h, sorted[i]);
		sum += (double)sorted[i];
	}
	qsort(sorted, VALUES, sizeof(*sorted), by_value);
	for (unsigned i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
		double rank = ceil(percentiles[i] / 100 * VALUES - 1e-9);
		int64_t exact = sorted[rank < 1 ? 0 : (int)rank - 1];
		int64_t got = hist_percentile(h, percentiles[i]);

		ck_assert_int_ge(got, exact);
		ck_assert_int_le(got - exact, exact / 1024);
	}
	ck_assert_int_eq(hist_min(h), sorted[0]);
	ck_assert_int_eq(hist_max(h), sorted[VALUES - 1]);
	ck_assert_uint_eq(hist_count(h), VALUES);
	ck_assert_double_eq_tol(hist_mean(h), sum / VALUES, sum / VALUES * 1e-9);
	hist_free(h);
	free(sorted);
}
END_TEST

/* struct seen - what hist_each told about the one value that is in. */
struct seen {
	int64_t lo, hi;
	unsigned calls;
};

static void note(int64_t lo, int64_t hi, uint64_t count, void *arg)
{
	struct seen *s = arg;

	ck_assert_uint_eq(count, 1);
	*s = (struct seen){lo, hi, s->calls + 1};
}

static void check_bucket(struct hist *h, int64_t v)
{
	struct seen s = {0};

	hist_reset(h);
	hist_add(h, v);
	hist_each(h, note, &s);
	ck_assert_uint_eq(s.calls, 1);
	ck_assert_int_le(s.lo, v);
	ck_assert_int_ge(s.hi, v);
	ck_assert_int_le(s.hi - s.lo, v / 1024);
	ck_assert_int_eq(hist_percentile(h, 50), v);
}

START_TEST(test_bucket_edges)
{
	struct hist *h = hist_new();

	for (int bit = 0; bit < 44; bit++)
		for (int64_t v = (INT64_C(1) << bit) - 2; v <= (INT64_C(1) << bit) + 2; v++)
			if (v >= 0)
				check_bucket(h, v);
	for (int64_t v = 0; v < 5000; v++)
		check_bucket(h, v);
	check_bucket(h, (INT64_C(1) << 44) - 1);
	hist_free(h);
}
END_TEST

START_TEST(test_clamped)
{
	struct hist *h = hist_new();

	hist_add(h, INT64_MAX);
	hist_add(h, INT64_MIN);
	hist_add(h, -1);
	ck_assert_uint_eq(hist_count(h), 3);
	ck_assert_int_eq(hist_max(h), (INT64_C(1) << 44) - 1);
	ck_assert_int_eq(hist_min(h), 0);
	ck_assert_int_eq(hist_percentile(h, 50), 0);
	hist_free(h);
}
END_TEST

START_TEST(test_empty_and_reset)
{
	struct hist *h = hist_new(), *other = hist_new();

	ck_assert_int_eq(hist_percentile(h, 99), 0);
	ck_assert_int_eq(hist_min(h), 0);
	ck_assert_int_eq(hist_max(h), 0);
	ck_assert_double_eq(hist_mean(h), 0);
	hist_add(h, 5);
	hist_add(h, 1000000);
	hist_merge(h, other); /* an empty one changes nothing */
	ck_assert_int_eq(hist_min(h), 5);
	hist_reset(h);
	ck_assert_uint_eq(hist_count(h), 0);
	hist_add(h, 7);
	ck_assert_int_eq(hist_percentile(h, 100), 7);
	ck_assert_int_eq(hist_min(h), 7);
	hist_free(h);
	hist_free(other);
}
END_TEST

START_TEST(test_merge)
{
	struct hist *a = hist_new(), *b = hist_new(), *both = hist_new();

	for (unsigned i = 0; i < 2000; i++) {
		hist_add(i % 3 ? a : b, shape(2, i));
		hist_add(both, shape(2, i));
	}
	hist_merge(a, b);
	ck_assert_uint_eq(hist_count(a), hist_count(both));
	ck_assert_int_eq(hist_min(a), hist_min(both));
	ck_assert_int_eq(hist_max(a), hist_max(both));
	ck_assert_double_eq(hist_mean(a), hist_mean(both));
	for (double p = 0; p <= 100; p += 0.5)
		ck_assert_int_eq(hist_percentile(a, p), hist_percentile(both, p));
	hist_free(a);
	hist_free(b);
	hist_free(both);
}
END_TEST

/* 99.9 % of 1000 values is the 999th, whatever binary fractions make of it. */
START_TEST(test_exact_rank)
{
	struct hist *h = hist_new();

	for (int64_t i = 1; i <= 1000; i++)
		hist_add(h, i);
	ck_assert_int_eq(hist_percentile(h, 99.9), 999);
	ck_assert_int_eq(hist_percentile(h, 50), 500);
	ck_assert_int_eq(hist_percentile(h, 7), 70);
	ck_assert_int_eq(hist_percentile(h, 0.05), 1);
	hist_free(h);
}
END_TEST

START_TEST(test_hgrm)
{
	static const char start[] = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
				    "       1.000 0.000000000000          1           1.00\n"
				    "       1.000 0.100000000000          1           1.11\n"
				    "       2.000 0.200000000000          2           1.25\n";
	static const char end[] = "      10.000 1.000000000000         10\n"
				  "#[Mean    =        5.500, StdDeviation   =        2.872]\n"
				  "#[Max     =       10.000, Total count    =           10]\n"
				  "#[Buckets =           34, SubBuckets     =         2048]\n";
	struct hist *h = hist_new();
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	for (int64_t i = 1; i <= 10; i++)
		hist_add(h, i * 100);
	ck_assert_int_eq(hist_write_hgrm(h, out, 100), 0);
	fclose(out);
	ck_assert_int_eq(strncmp(text, start, strlen(start)), 0);
	ck_assert_uint_gt(len, strlen(end));
	ck_assert_str_eq(text + len - strlen(end), end);
	free(text);
	hist_free(h);
}
END_TEST

START_TEST(test_hgrm_empty)
{
	struct hist *h = hist_new();
	FILE *out = fopen("/dev/null", "w");

	ck_assert_int_eq(hist_write_hgrm(h, out, 1), 0);
	fclose(out);
	hist_free(h);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("base/hist");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, test_against_sorted, 0, 3);
	tcase_add_test(t, test_bucket_edges);
	tcase_add_test(t, test_clamped);
	tcase_add_test(t, test_empty_and_reset);
	tcase_add_test(t, test_merge);
	tcase_add_test(t, test_exact_rank);
	tcase_add_test(t, test_hgrm);
	tcase_add_test(t, test_hgrm_empty);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
