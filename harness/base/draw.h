/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_DRAW_H
#define WD_BASE_DRAW_H

#include <stddef.h>
#include <stdint.h>

/*
 * Seeded draws. A draw is a pure function of (seed, name, object, hit): no
 * stream, no state, so the same object and hit get the same decision however
 * threads and processes are scheduled. Ordinals are logical (shopper 17, its
 * third choice; process path; connection), never pids or global order.
 */
struct draw {
	uint64_t seed;
	const char *name; /* what is decided, "shopper.basket" */
	uint64_t object;  /* which one */
	uint64_t hit;     /* how many-eth time */
};

/** draw_u64 - 64 uniform bits: SipHash-2-4 keyed by the seed; stable across versions. */
uint64_t draw_u64(struct draw d);
/** draw_unit - uniform in [0, 1), 53 bits. */
double draw_unit(struct draw d);
/** draw_range - uniform integer in [lo, hi], unbiased; lo <= hi. */
int64_t draw_range(struct draw d, int64_t lo, int64_t hi);
/** draw_chance - true with probability p (0..1). */
int draw_chance(struct draw d, double p);
/** draw_exp - exponential with mean `mean`. */
double draw_exp(struct draw d, double mean);
/** draw_lognormal - lognormal with the given mean and coefficient of variation. */
double draw_lognormal(struct draw d, double mean, double cv);
enum draw_shape { DRAW_UNIFORM, DRAW_NORMAL, DRAW_EXPONENTIAL };
/**
 * draw_jitter - how much more or less than a mean: uniform within ±j; normal with standard
 * deviation j; exponential, only more, with mean j. @shape: enum draw_shape.
 */
int64_t draw_jitter(struct draw d, int shape, int64_t j);
/** draw_pick - index into weights[0..n), proportional; n >= 1, sum > 0. */
unsigned draw_pick(struct draw d, const double *weights, unsigned n);
/** draw_object - fold a logical path such as "store/0/0" into an object ordinal. */
uint64_t draw_object(const char *path);
/** draw_siphash - SipHash-2-4 of data under a 128-bit key; also a hash for tables. */
uint64_t draw_siphash(uint64_t k0, uint64_t k1, const void *data, size_t len);

#endif
