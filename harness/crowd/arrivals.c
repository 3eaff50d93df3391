// SPDX-License-Identifier: Apache-2.0
/*
 * Arrivals: an open loop.
 *
 * Theory of operation. Shopper i arrives at first + sum of the gaps of the
 * shoppers before, in shop time; a gap is a draw of its own, so the schedule
 * is a function of the seed and never of how the tills do. Only the next
 * arrival has a timer. When the harness itself is late, everybody who is due
 * arrives at once, each with the time intended for them, and the lateness is
 * recorded.
 */
#include "base/clock.h"
#include "crowd/room.h"

#define ARRIVALS_AT_ONCE 256 /* then the loop gets a turn */

int64_t arrivals_gap(const struct crowd *c, int64_t id)
{
	const struct arrivals *a = &c->conf->arrivals;
	double mean_ns = a->per_s > 0 ? (double)NS_PER_S / a->per_s : 0;

	if (id == 0)
		return 0;
	switch (a->kind) {
	case ARRIVALS_POISSON:
		return (int64_t)draw_exp(crowd_draw(c, "shopper.arrival", id, 0), mean_ns);
	case ARRIVALS_CONSTANT:
		/* differences of rounded products: no drift over a long day */
		return (int64_t)((double)id * mean_ns) - (int64_t)((double)(id - 1) * mean_ns);
	case ARRIVALS_BURST:
		return a->burst > 0 && (id - c->conf->first) % a->burst == 0 ? a->every_ns : 0;
	}
	return 0;
}

static int64_t next_ns(const struct crowd *c)
{
	return c->first_ns + pace_wall(c, c->next_shop_ns);
}

static void arrive(struct crowd *c, int64_t now_ns)
{
	int64_t at = next_ns(c);
	struct shopper *s = shopper_new(c, c->next_id, at);

	hist_add(c->lateness, now_ns - at);
	c->next_id++;
	if (c->next_id >= c->conf->first + c->conf->count)
		c->arrivals_done = true;
	else
		c->next_shop_ns += arrivals_gap(c, c->next_id);
	lane_join(c, s, at, false);
}

static void arrival_fire(struct loop_timer *t, int64_t now_ns)
{
	struct crowd *c = (struct crowd *)((char *)t - offsetof(struct crowd, arrival));

	for (int i = 0; i < ARRIVALS_AT_ONCE && !c->arrivals_done; i++) {
		if (next_ns(c) > now_ns)
			break;
		arrive(c, clock_now());
	}
	if (!c->arrivals_done)
		loop_timer_at(c->o.loop, &c->arrival, next_ns(c));
}

void arrivals_start(struct crowd *c, int64_t first_ns)
{
	c->first_ns = first_ns;
	c->next_id = c->conf->first;
	c->next_shop_ns = 0;
	c->arrival.fire = arrival_fire;
	c->arrivals_done = c->conf->count <= 0;
	if (!c->arrivals_done)
		loop_timer_at(c->o.loop, &c->arrival, first_ns);
}

void arrivals_stop(struct crowd *c)
{
	loop_timer_cancel(c->o.loop, &c->arrival);
	c->arrivals_done = true;
}
