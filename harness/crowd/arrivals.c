// SPDX-License-Identifier: Apache-2.0
/*
 * Arrivals: an open loop.
 *
 * Theory of operation. Two streams of people come in, those who walk and those
 * whose train has just arrived; each knows the shop time at which its next one
 * comes, and the earlier of the two is the next shopper. Every gap is a draw of
 * its own, so the schedule is a function of the seed and never of how the
 * tills do. Only the next arrival has a timer. When the harness itself is late,
 * everybody who is due arrives at once, each with the time intended for them,
 * and the lateness is recorded.
 *
 * With `hours:` the walking ones are a Poisson process whose rate changes with
 * the hour: with unit gaps the expected number of arrivals is walked along, and
 * the time at which that many are expected is looked up.
 *
 * When the shop closes nobody comes in any more; who is inside is served, or
 * goes home, or stands at a till whose day is closed in the middle of the sale.
 */
#include "base/clock.h"
#include "base/str.h"
#include "crowd/room.h"

#define ARRIVALS_AT_ONCE 256 /* then the loop gets a turn */
#define HOUR_NS (3600 * NS_PER_S)

/* ---- those who walk ---- */

static int64_t gap_ns(const struct crowd *c, int64_t nth)
{
	const struct arrivals *a = &c->conf->arrivals;
	int64_t id = c->conf->first + nth;
	double mean_ns = a->per_s > 0 ? (double)NS_PER_S / a->per_s : 0;

	if (nth == 0)
		return 0;
	switch (a->kind) {
	case ARRIVALS_POISSON:
		return (int64_t)draw_exp(crowd_draw(c, "shopper.arrival", id, 0), mean_ns);
	case ARRIVALS_CONSTANT:
		/* differences of rounded products: no drift over a long day */
		return (int64_t)((double)id * mean_ns) - (int64_t)((double)(id - 1) * mean_ns);
	case ARRIVALS_BURST:
		return a->burst > 0 && nth % a->burst == 0 ? a->every_ns : 0;
	}
	return 0;
}

/* When so many are expected to have come, in ns of the shop from the first hour that is played. */
static int64_t time_of(const struct shoppers *s, double sum)
{
	bool given = s->play.first != INT64_MIN;
	int from = given ? (int)s->play.first : s->hours.from;
	int to = given ? (int)s->play.last : s->hours.to;

	for (int h = from; h < to; h++) {
		double here = s->hours.share[h] * s->arrivals.per_s * 86400;

		if (here > 0 && sum < here)
			return (h - from) * HOUR_NS + (int64_t)(sum / here * (double)HOUR_NS);
		sum -= here;
	}
	return INT64_MAX;
}

static void walking_next(struct crowd *c)
{
	struct stream *w = &c->walking;
	int64_t nth = w->hit++;

	if (c->conf->hours.to == 0) {
		w->next_ns += gap_ns(c, nth);
		return;
	}
	w->sum += draw_exp(crowd_draw(c, "shopper.arrival", c->conf->first + nth, 0), 1);
	w->next_ns = time_of(c->conf, w->sum);
}

/* ---- trains ---- */

static void train_next(struct crowd *c)
{
	const struct trains *t = &c->conf->trains;
	struct stream *s = &c->train;

	if (t->every.ns <= 0) {
		s->next_ns = INT64_MAX;
		return;
	}
	if (s->left > 0 && --s->left > 0)
		return;
	s->next_ns += t->every.ns;
	s->left = draw_range(crowd_draw(c, "train.people", s->hit++, 0), t->people.first,
			     t->people.last);
}

/* ---- both ---- */

static struct stream *earlier(struct crowd *c)
{
	return c->train.next_ns < c->walking.next_ns ? &c->train : &c->walking;
}

/* Clock time of the next arrival. */
static int64_t next_ns(struct crowd *c)
{
	return c->first_ns + pace_wall(c, earlier(c)->next_ns);
}

static bool over(struct crowd *c)
{
	int64_t open = shoppers_open_ns(c->conf), next = earlier(c)->next_ns;

	return c->next_id >= c->conf->first + c->conf->count || next == INT64_MAX ||
	       (open >= 0 && next >= open);
}

static void arrive(struct crowd *c, int64_t now_ns)
{
	int64_t at = next_ns(c);
	struct shopper *s = shopper_new(c, c->next_id, at);

	hist_add(c->lateness, now_ns - at);
	c->next_id++;
	if (earlier(c) == &c->train)
		train_next(c);
	else
		walking_next(c);
	/* with a closing time the doors decide: see close_fire() */
	c->arrivals_done = over(c) && shoppers_open_ns(c->conf) < 0;
	lane_join(c, s, at, false);
}

static void arrival_fire(struct loop_timer *t, int64_t now_ns)
{
	struct crowd *c = (struct crowd *)((char *)t - offsetof(struct crowd, arrival));

	for (int i = 0; i < ARRIVALS_AT_ONCE && !c->arrivals_done && !over(c); i++) {
		if (next_ns(c) > now_ns)
			break;
		arrive(c, clock_now());
	}
	if (!c->arrivals_done && !over(c))
		loop_timer_at(c->o.loop, &c->arrival, next_ns(c));
}

/* ---- the doors ---- */

static void close_fire(struct loop_timer *t, int64_t now_ns)
{
	struct crowd *c = (struct crowd *)((char *)t - offsetof(struct crowd, closing));

	(void)now_ns;
	switch (c->conf->at_close) {
	case AT_CLOSE_SEND_HOME:
		crowd_halt(c);
		break;
	case AT_CLOSE_CUT:
		crowd_abort(c);
		break;
	default:
		arrivals_stop(c);
		crowd_check_finished(c);
	}
}

void arrivals_start(struct crowd *c, int64_t first_ns)
{
	int64_t open = shoppers_open_ns(c->conf);

	c->first_ns = first_ns;
	c->next_id = c->conf->first;
	c->walking = c->train = (struct stream){ 0 };
	c->arrival.fire = arrival_fire;
	c->closing.fire = close_fire;
	walking_next(c);
	train_next(c);
	c->arrivals_done = c->conf->count <= 0 || (over(c) && open < 0);
	if (!c->arrivals_done && !over(c))
		loop_timer_at(c->o.loop, &c->arrival, next_ns(c));
	if (!c->arrivals_done && open >= 0)
		loop_timer_at(c->o.loop, &c->closing, first_ns + pace_wall(c, open));
}

void arrivals_stop(struct crowd *c)
{
	loop_timer_cancel(c->o.loop, &c->arrival);
	loop_timer_cancel(c->o.loop, &c->closing);
	c->arrivals_done = true;
}
