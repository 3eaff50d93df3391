/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One draw is one SipHash-2-4 of
 *
 *	name bytes, object (64 bit LE), hit (64 bit LE)
 *
 * under the key (seed, attempt). The fixed-size tail makes the encoding
 * unambiguous whatever the name. `attempt` is 0 for the draw itself; a
 * decision that needs more bits (rejection, the second half of a normal) uses
 * attempts 1, 2, ... so that nothing leaks into the neighbouring hit.
 *
 * Recorded experiments depend on these numbers: tests/unit/check_base_draw.c
 * pins them, and a change of meaning needs a new name, not a new result.
 */
#include "base/draw.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_rounds(struct sip *s, unsigned n)
{
	while (n--) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotl(s->v1, 13) ^ s->v0;
		s->v3 = rotl(s->v3, 16) ^ s->v2;
		s->v0 = rotl(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotl(s->v1, 17) ^ s->v2;
		s->v3 = rotl(s->v3, 21) ^ s->v0;
		s->v2 = rotl(s->v2, 32);
	}
}

static inline void sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_rounds(s, 2);
	s->v0 ^= m;
}

/* load_le - up to eight bytes, little endian. */
static inline uint64_t load_le(const unsigned char *p, size_t n)
{
	uint64_t w = 0;

	for (size_t i = 0; i < n; i++)
		w |= (uint64_t)p[i] << (8 * i);
	return w;
}

static uint64_t siphash(uint64_t k0, uint64_t k1, const unsigned char *p, size_t len,
			const unsigned char *tail, size_t tail_len)
{
	struct sip s = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
			k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
	size_t total = len + tail_len;
	unsigned char joint[8 + 16];
	size_t joint_len;

	for (; len >= 8; p += 8, len -= 8)
		sip_word(&s, load_le(p, 8));
	assert(tail_len <= 16);
	memcpy(joint, p, len);
	memcpy(joint + len, tail, tail_len);
	joint_len = len + tail_len;
	for (p = joint; joint_len >= 8; p += 8, joint_len -= 8)
		sip_word(&s, load_le(p, 8));
	sip_word(&s, load_le(p, joint_len) | (uint64_t)total << 56);
	s.v2 ^= 0xff;
	sip_rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t draw_siphash(uint64_t k0, uint64_t k1, const void *data, size_t len)
{
	return siphash(k0, k1, data, len, (const unsigned char *)"", 0);
}

static uint64_t draw_attempt(struct draw d, uint64_t attempt)
{
	unsigned char tail[16];

	for (unsigned i = 0; i < 8; i++) {
		tail[i] = (unsigned char)(d.object >> (8 * i));
		tail[8 + i] = (unsigned char)(d.hit >> (8 * i));
	}
	return siphash(d.seed, attempt, (const unsigned char *)d.name, strlen(d.name), tail,
		       sizeof(tail));
}

static double unit(uint64_t bits)
{
	return (double)(bits >> 11) * 0x1p-53;
}

uint64_t draw_u64(struct draw d)
{
	return draw_attempt(d, 0);
}

double draw_unit(struct draw d)
{
	return unit(draw_attempt(d, 0));
}

int64_t draw_range(struct draw d, int64_t lo, int64_t hi)
{
	uint64_t span = (uint64_t)hi - (uint64_t)lo + 1, attempt = 0, floor;
	unsigned __int128 wide;

	assert(lo <= hi);
	if (span == 0)
		return (int64_t)draw_attempt(d, 0);
	/* Lemire: the high word of bits × span, rejecting the few bits that would bias it. */
	floor = -span % span;
	do
		wide = (unsigned __int128)draw_attempt(d, attempt++) * span;
	while ((uint64_t)wide < floor);
	return (int64_t)((uint64_t)lo + (uint64_t)(wide >> 64));
}

int draw_chance(struct draw d, double p)
{
	return draw_unit(d) < p;
}

double draw_exp(struct draw d, double mean)
{
	return -mean * log1p(-draw_unit(d));
}

double draw_lognormal(struct draw d, double mean, double cv)
{
	double sigma2 = log1p(cv * cv), radius, angle;

	if (mean <= 0)
		return 0;
	/* Box-Muller; 1 - u is in (0, 1], so the logarithm is finite. */
	radius = sqrt(-2 * log1p(-unit(draw_attempt(d, 0))));
	angle = 2 * M_PI * unit(draw_attempt(d, 1));
	return exp(log(mean) - sigma2 / 2 + sqrt(sigma2) * radius * cos(angle));
}

int64_t draw_jitter(struct draw d, int shape, int64_t j)
{
	double u = unit(draw_attempt(d, 0)), width = (double)j;

	if (shape == DRAW_EXPONENTIAL)
		return (int64_t)(-width * log1p(-u));
	if (shape == DRAW_UNIFORM)
		return (int64_t)(width * (2 * u - 1));
	return (int64_t)(width * sqrt(-2 * log1p(-u)) * cos(2 * M_PI * unit(draw_attempt(d, 1))));
}

unsigned draw_pick(struct draw d, const double *weights, unsigned n)
{
	double sum = 0, at;
	unsigned last = 0;

	assert(n >= 1);
	for (unsigned i = 0; i < n; i++)
		sum += weights[i];
	assert(sum > 0);
	at = draw_unit(d) * sum;
	for (unsigned i = 0; i < n; i++) {
		if (weights[i] <= 0)
			continue;
		if (at < weights[i])
			return i;
		at -= weights[i];
		last = i;
	}
	return last; /* rounding left a crumb: the last one that can be drawn */
}

uint64_t draw_object(const char *path)
{
	return draw_siphash(0, 0, path, strlen(path));
}
