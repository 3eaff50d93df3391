/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Rules on one clock add up:
 *
 *   x    = real time; with SHIM_FREEZE the earliest moment at which one was armed
 *   told = x + the sum of what each other rule adds to it:
 *            jump     by
 *            drift    rate × the time since it was armed
 *            strobe   by, in every second period since it was armed
 *
 * so their order does not matter, and a clock that stands still can still be moved. A deadline on
 * the told clock is solved for real time: exactly for jumps and drifts, and for one strobe by
 * looking for the first moment in either of its phases.
 */
#include "shim/told.h"

#include <stddef.h>

static bool concerns(const struct shim_rule *r, unsigned service, enum shim_clock clock)
{
	return r->serial && r->services >> service & 1 && r->clocks >> clock & 1 &&
	       SHIM_BIT(r->effect) & SHIM_CLOCK_EFFECTS;
}

static int64_t since(const struct shim_rule *r, enum shim_clock clock, int64_t x)
{
	return x > r->at[clock] ? x - r->at[clock] : 0;
}

static bool is_on(const struct shim_rule *r, enum shim_clock clock, int64_t real)
{
	return r->every > 0 && since(r, clock, real) / r->every % 2 == 1;
}

static int64_t adds(const struct shim_rule *r, enum shim_clock clock, int64_t real, int64_t x)
{
	switch (r->effect) {
	case SHIM_JUMP:
		return r->by;
	case SHIM_DRIFT:
		return (int64_t)((double)since(r, clock, x) * r->rate);
	case SHIM_STROBE:
		return is_on(r, clock, real) ? r->by : 0;
	default:
		return 0;
	}
}

int64_t told_at(const struct shim_table *t, unsigned service, enum shim_clock clock, int64_t real,
		uint32_t *ret_by)
{
	int64_t x = real, sum = 0;

	*ret_by = 0;
	for (unsigned i = 0; i < SHIM_RULES; i++) {
		const struct shim_rule *r = &t->at[i];

		if (!concerns(r, service, clock) || r->effect != SHIM_FREEZE)
			continue;
		x = r->at[clock] < x ? r->at[clock] : x;
		*ret_by |= UINT32_C(1) << i;
	}
	for (unsigned i = 0; i < SHIM_RULES; i++) {
		const struct shim_rule *r = &t->at[i];
		int64_t add = concerns(r, service, clock) ? adds(r, clock, real, x) : 0;

		sum += add;
		*ret_by |= add ? UINT32_C(1) << i : 0;
	}
	return x + sum;
}

/* How fast it runs; 1 when it stands still, for whoever waits for it. */
static double speed(const struct shim_table *t, unsigned service, enum shim_clock clock,
		    const struct shim_rule **ret_strobe)
{
	double rate = 1;
	bool frozen = false;

	*ret_strobe = NULL;
	for (unsigned i = 0; i < SHIM_RULES; i++) {
		const struct shim_rule *r = &t->at[i];

		if (!concerns(r, service, clock))
			continue;
		frozen |= r->effect == SHIM_FREEZE;
		if (r->effect == SHIM_DRIFT)
			rate += r->rate;
		if (r->effect == SHIM_STROBE)
			*ret_strobe = r;
	}
	return frozen || rate <= 0 ? 1 : rate;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

/* The first moment, not before @from, in which the strobe is on (or off). */
static int64_t first_in(const struct shim_rule *r, enum shim_clock clock, int64_t from, bool on)
{
	int64_t left;

	if (is_on(r, clock, from) == on || r->every <= 0)
		return from;
	left = r->every - since(r, clock, from) % r->every;
	return from < r->at[clock] ? add(r->at[clock], r->every) : add(from, left);
}

int64_t told_deadline(const struct shim_table *t, unsigned service, enum shim_clock clock,
		      int64_t now, int64_t told)
{
	const struct shim_rule *strobe;
	double rate = speed(t, service, clock, &strobe), left;
	uint32_t by;
	int64_t tells = told_at(t, service, clock, now, &by), same, other;
	bool on;

	if (told <= tells)
		return now - 1;
	left = ((double)told - (double)tells) / rate;
	if (rate == 1) /* exact, and doubles are not */
		same = add(now, add(told, -tells));
	else
		same = left < 4e18 ? add(now, (int64_t)left) : INT64_MAX;
	if (!strobe)
		return same;
	on = is_on(strobe, clock, now);
	left = (double)(on ? strobe->by : -strobe->by) / rate;
	other = add(same, (int64_t)left);
	same = first_in(strobe, clock, same, on);
	other = first_in(strobe, clock, later(other, now), !on);
	return same < other ? same : other;
}
