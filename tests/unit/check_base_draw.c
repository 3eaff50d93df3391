/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: draws are pure, stable for ever and honestly distributed.
 * Buggy results: a recorded seed that replays differently, a biased basket.
 * The known answers of SipHash-2-4 are those of its authors' paper and test
 * program; those of the draws pin our own encoding and must never change.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "base/draw.h"
#include "tests/unit/suite.h"

static const struct {
	size_t len;
	uint64_t hash;
} siphashes[] = {
	{0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
	{2, UINT64_C(0x0d6c8009d9a94f5a)},  {7, UINT64_C(0xab0200f58b01d137)},
	{8, UINT64_C(0x93f5f5799a932462)},  {15, UINT64_C(0xa129ca6149be45e5)},
	{63, UINT64_C(0x958a324ceb064572)},
};

START_TEST(test_siphash)
{
	unsigned char data[64];

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)i;
	ck_assert_uint_eq(draw_siphash(UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908),
				       data, siphashes[_i].len),
			  siphashes[_i].hash);
}
END_TEST

/* A draw is the SipHash of its encoding, whatever the length of the name. */
START_TEST(test_encoding)
{
	char name[40] = "";
	unsigned char data[64];

	for (unsigned n = 0; n < sizeof(name) - 1; n++) {
		struct draw d = {.seed = 42, .name = name, .object = 0x0102030405060708, .hit = 3};

		for (unsigned i = 0; i < n; i++)
			data[i] = (unsigned char)name[i];
		for (unsigned i = 0; i < 8; i++) {
			data[n + i] = (unsigned char)(8 - i);
			data[n + 8 + i] = i == 0 ? 3 : 0;
		}
		ck_assert_uint_eq(draw_u64(d), draw_siphash(42, 0, data, n + 16));
		name[n] = (char)('a' + n % 26);
	}
}
END_TEST

static const struct {
	struct draw d;
	uint64_t bits;
} pinned[] = {
	{{UINT64_C(0), "", UINT64_C(0), 0}, UINT64_C(0x32caecc280172976)},
	{{UINT64_C(20250428), "shopper.basket", UINT64_C(17), 3}, UINT64_C(0x6330bde3ce4827be)},
	{{UINT64_C(1), "wire.drop", UINT64_C(18446744073709551615), 1000000},
	 UINT64_C(0x5e66f69cfdf32917)},
	{{UINT64_C(18446744073709551615), "a name that is longer than one block", UINT64_C(5), 6},
	 UINT64_C(0x8af2cf99229d8785)},
};

START_TEST(test_pinned)
{
	ck_assert_uint_eq(draw_u64(pinned[_i].d), pinned[_i].bits);
}
END_TEST

START_TEST(test_pinned_values)
{
	struct draw d = {.seed = 20250428, .name = "shopper.basket", .object = 17, .hit = 3};

	ck_assert_int_eq(draw_range(d, 1, 12), 5);
	ck_assert_int_eq(draw_range(d, -1000000, 1000000), -225075);
	ck_assert_uint_eq(draw_object("store/0/0"), UINT64_C(0xdcea9bbfd5fc789a));
}
END_TEST

START_TEST(test_range_uniform)
{
	unsigned counts[12] = {0};

	for (uint64_t i = 0; i < 120000; i++)
		counts[draw_range((struct draw){7, "basket", i, 0}, 1, 12) - 1]++;
	for (int i = 0; i < 12; i++) /* 10000 ± 5 sigma of sqrt(10000 * 11/12) */
		ck_assert_int_le(abs((int)counts[i] - 10000), 480);
}
END_TEST

/* A span of 3/4 of all numbers: without rejection every third value comes twice as often. */
START_TEST(test_range_unbiased)
{
	const int64_t hi = (INT64_C(1) << 62) - 1;
	unsigned counts[3] = {0};

	for (uint64_t i = 0; i < 30000; i++) {
		int64_t v = draw_range((struct draw){7, "wide", i, 0}, INT64_MIN, hi);

		counts[((uint64_t)v - (uint64_t)INT64_MIN) % 3]++;
	}
	for (int i = 0; i < 3; i++)
		ck_assert_int_le(abs((int)counts[i] - 10000), 410);
}
END_TEST

START_TEST(test_range_edges)
{
	struct draw d = {1, "x", 0, 0};

	ck_assert_int_eq(draw_range(d, 5, 5), 5);
	ck_assert_int_eq(draw_range(d, INT64_MIN, INT64_MAX), (int64_t)draw_u64(d));
	for (d.hit = 0; d.hit < 1000; d.hit++) {
		int64_t v = draw_range(d, INT64_MIN, 0), w = draw_range(d, -1, INT64_MAX);

		ck_assert_int_le(v, 0);
		ck_assert_int_ge(w, -1);
	}
}
END_TEST

START_TEST(test_distributions)
{
	double unit = 0, exponential = 0, mean = 0, squares = 0, cv;
	const int n = 200000;
	int chances = 0;

	for (int i = 0; i < n; i++) {
		struct draw d = {3, "dist", (uint64_t)i, 0};
		double u = draw_unit(d), v = draw_lognormal(d, 50, 0.6);

		ck_assert(u >= 0 && u < 1);
		unit += u;
		exponential += draw_exp(d, 30);
		mean += v;
		squares += v * v;
		chances += draw_chance(d, 0.02);
	}
	ck_assert_double_eq_tol(unit / n, 0.5, 0.005);
	ck_assert_double_eq_tol(exponential / n, 30, 0.5);
	mean /= n;
	cv = sqrt(squares / n - mean * mean) / mean;
	ck_assert_double_eq_tol(mean, 50, 0.6);
	ck_assert_double_eq_tol(cv, 0.6, 0.02);
	ck_assert_int_le(abs(chances - 4000), 320);
	ck_assert(draw_lognormal((struct draw){3, "dist", 1, 0}, 50, 0) > 49.999);
	ck_assert(!draw_chance((struct draw){3, "dist", 1, 0}, 0));
	ck_assert(draw_chance((struct draw){3, "dist", 1, 0}, 1));
}
END_TEST

START_TEST(test_pick)
{
	const double weights[] = {0, 60, 0, 40, 0};
	unsigned counts[5] = {0};

	for (uint64_t i = 0; i < 10000; i++)
		counts[draw_pick((struct draw){9, "tender", i, 0}, weights, 5)]++;
	ck_assert_uint_eq(counts[0] + counts[2] + counts[4], 0);
	ck_assert_int_le(abs((int)counts[1] - 6000), 250);
}
END_TEST

/* Every part of a draw matters, and neighbours have nothing in common. */
START_TEST(test_independent)
{
	struct draw base = {1, "a", 1, 1}, others[] = {
						   {2, "a", 1, 1}, {1, "b", 1, 1},  {1, "a", 2, 1},
						   {1, "a", 1, 2}, {1, "aa", 1, 1},
					   };

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int bits = __builtin_popcountll(draw_u64(base) ^ draw_u64(others[i]));

		ck_assert_int_ge(bits, 12);
		ck_assert_int_le(bits, 52);
	}
	ck_assert_uint_eq(draw_u64(base), draw_u64(base));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("base/draw");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, test_siphash, 0, sizeof(siphashes) / sizeof(siphashes[0]));
	tcase_add_test(t, test_encoding);
	tcase_add_loop_test(t, test_pinned, 0, sizeof(pinned) / sizeof(pinned[0]));
	tcase_add_test(t, test_pinned_values);
	tcase_add_test(t, test_range_uniform);
	tcase_add_test(t, test_range_unbiased);
	tcase_add_test(t, test_range_edges);
	tcase_add_test(t, test_distributions);
	tcase_add_test(t, test_pick);
	tcase_add_test(t, test_independent);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
