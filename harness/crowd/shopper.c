// SPDX-License-Identifier: Apache-2.0
/*
 * Shoppers: from arriving to having gone.
 *
 *   new ──► waiting (a queue; patience) ──► at a till ──► gone
 *              │            ▲                  │
 *              ▼            └── lane failed ───┘
 *            left
 *
 * What a shopper is like is drawn when it matters and not before. Memory comes
 * in slabs and goes back to a free list.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crowd/room.h"

#define SLAB_SHOPPERS 1024

static void slab_add(struct crowd *c)
{
	struct slab *slab = xmalloc(sizeof(*slab) + SLAB_SHOPPERS * sizeof(struct shopper));
	struct shopper *s = (struct shopper *)(void *)(slab + 1);

	slab->next = c->slabs;
	c->slabs = slab;
	for (unsigned i = 0; i < SLAB_SHOPPERS; i++) {
		s[i].next = c->shopper_free;
		c->shopper_free = &s[i];
	}
}

static void patience_fire(struct loop_timer *t, int64_t now_ns)
{
	struct shopper *s = (struct shopper *)(void *)((char *)t -
						       offsetof(struct shopper, patience));
	struct crowd *c = s->crowd;
	bool open = false;

	for (unsigned i = 0; i < c->lanes_count; i++)
		open |= c->lanes[i].state == LANE_UP;
	shopper_leave(s, now_ns, open ? "patience" : "no open lane");
}

struct shopper *shopper_new(struct crowd *c, int64_t id, int64_t intended_ns)
{
	struct shopper *s;

	if (!c->shopper_free)
		slab_add(c);
	s = c->shopper_free;
	c->shopper_free = s->next;
	*s = (struct shopper){ .crowd = c, .id = id, .intended_ns = intended_ns,
			       .joined_ns = intended_ns, .patience.fire = patience_fire };
	c->n.arrived++;
	c->n.inside++;
	return s;
}

/* Where on the curve of those who have left this one stands; between its points it is straight. */
static int64_t curve_ns(const struct patience *p, double u)
{
	int64_t from_ns = 0;
	double from = 0;

	for (size_t i = 0; i < p->count; i++) {
		const struct patience_point *to = &p->point[i];

		if (u < to->share)
			return from_ns + (int64_t)((u - from) / (to->share - from) *
						   (double)(to->ns - from_ns));
		from_ns = to->ns;
		from = to->share;
	}
	return -1;
}

int64_t patience_ns(const struct crowd *c, int64_t shopper)
{
	const struct patience *p = &c->conf->patience;
	int64_t ns;

	if (!p->count)
		return p->all.ns < 0 ? -1 : dur_wall(p->all, c->pace_milli);
	ns = curve_ns(p, draw_unit(crowd_draw(c, "shopper.patience", shopper, 0)));
	return ns < 0 ? -1 : pace_wall(c, ns);
}

void shopper_wait(struct shopper *s)
{
	struct crowd *c = s->crowd;
	int64_t ns = patience_ns(c, s->id);

	if (ns >= 0)
		loop_timer_at(c->o.loop, &s->patience, s->intended_ns + ns);
}

void crowd_check_finished(struct crowd *c)
{
	if (!c->arrivals_done || c->n.inside > 0 || c->finished)
		return;
	c->finished = true;
	if (c->o.hooks.finished)
		c->o.hooks.finished(c->o.hooks.arg);
}

void shopper_gone(struct shopper *s)
{
	struct crowd *c = s->crowd;

	if (s->sale)
		sale_put(c, s->sale);
	s->next = c->shopper_free;
	c->shopper_free = s;
	c->n.inside--;
	crowd_check_finished(c);
}

/* One whose sale was begun at a lane that failed is told unknown; others simply left. */
void shopper_leave(struct shopper *s, int64_t now_ns, const char *why)
{
	struct crowd *c = s->crowd;
	const char *lane = c->names[s->lane];
	struct left left = { .shopper = s->id, .intended_ns = s->intended_ns - c->o.epoch_ns,
			     .left_ns = now_ns - c->o.epoch_ns, .lane = lane, .why = why,
			     .train_missed = shopper_missed_train(s, now_ns) };

	queue_remove(s);
	if (s->sale) {
		sale_tell(c, s, lane, now_ns, TOLD_UNKNOWN, s->sale->kind);
	} else {
		c->n.left++;
		c->n.missed += left.train_missed;
		if (c->o.hooks.left)
			c->o.hooks.left(c->o.hooks.arg, &left);
	}
	shopper_gone(s);
}

void shopper_at_till(struct lane *l, struct shopper *s)
{
	struct crowd *c = l->crowd;

	if (!s->sale) {
		s->sale = sale_get(c, s->id);
		s->sale->start_ns = l->cursor_ns;
	}
	s->lane = l->index;
	l->shopper = s;
	c->n.at_till++;
}

void till_release(struct lane *l)
{
	struct crowd *c = l->crowd;
	struct shopper *s = l->shopper;

	if (c->ops->leave)
		c->ops->leave(c->driver, l->index);
	if (c->o.hooks.card)
		c->o.hooks.card(c->o.hooks.arg, l->name, NULL);
	l->shopper = NULL;
	c->n.at_till--;
	shopper_gone(s);
}

void till_abort(struct lane *l, int64_t now_ns, const char *why)
{
	struct visit *sale;

	lane_clear(l);
	l->turn = TURN_IDLE;
	if (!l->shopper)
		return;
	sale = l->shopper->sale;
	if (!sale->told) {
		strncpy(sale->error, why, sizeof(sale->error) - 1);
		sale_tell(l->crowd, l->shopper, l->name, now_ns, TOLD_UNKNOWN, sale->kind);
	}
	till_release(l);
}
