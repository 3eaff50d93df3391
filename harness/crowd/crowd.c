// SPDX-License-Identifier: Apache-2.0
/*
 * The crowd's outside: making, opening, halting, closing. See lane.c for how
 * a till works, step.c for what a checkout is, shopper.c for who comes and goes.
 */
#include "crowd/crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crowd/room.h"

#define FIRST_AFTER_NS (2 * NS_PER_MS) /* from the end of crowd_open to the first arrival */

static const char tender_default[] = "cash";

static const struct driver_ops *const drivers[] = {
	[DRIVER_HTTP] = &driver_http,
	[DRIVER_SCRIPT] = &driver_script,
	[DRIVER_NULL] = &driver_null,
};

/* ---- making ---- */

static bool in_list(const struct strlist *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++) {
		if (str_glob(l->at[i], name))
			return true;
	}
	return false;
}

/* Lanes are what `lanes:` and `backup:` match of the target's; backups last. */
static void find_lanes(struct crowd *c)
{
	const struct strlist *all = &c->o.target->lanes, *want = &c->conf->lanes;
	unsigned n = 0;

	c->lanes = xcalloc(all->count + 1, sizeof(*c->lanes));
	c->names = xcalloc(all->count + 1, sizeof(*c->names));
	for (int backup = 0; backup < 2; backup++) {
		for (size_t i = 0; i < all->count; i++) {
			bool spare = in_list(&c->conf->backup, all->at[i]);

			if (spare != (bool)backup ||
			    (!spare && want->count && !in_list(want, all->at[i])))
				continue;
			c->names[n] = all->at[i];
			lane_init(&c->lanes[n], c, n, all->at[i], spare);
			n++;
		}
	}
	c->lanes_count = n;
}

static void find_tenders(struct crowd *c)
{
	const struct weights *w = &c->conf->pay;
	size_t n = w->count ? w->count : 1;

	c->tenders = xcalloc(n, sizeof(*c->tenders));
	c->manners = xcalloc(n, sizeof(*c->manners));
	c->tender_share = xcalloc(n, sizeof(*c->tender_share));
	for (size_t i = 0; i < n; i++) {
		const char *name = w->count ? w->at[i].name : tender_default;

		c->tenders[i] = xstrndup(name, strcspn(name, "/"));
		c->manners[i] = name;
		c->tender_share[i] = w->count ? w->at[i].share : 1;
	}
	c->tenders_count = (unsigned)n;
}

static int make_driver(struct crowd *c, struct err *e)
{
	struct driver_init in = { .opts = &c->o, .lanes = c->names, .lanes_count = c->lanes_count,
				  .deadline_ms = c->timeout_ns / NS_PER_MS };
	int r = c->ops->make(&c->driver, &in, e);

	if (r < 0)
		return err_wrap(e, "driver %s", c->ops->name);
	for (int a = 0; a < ACTIONS_COUNT; a++)
		c->can[a] = c->ops->can(c->driver, (enum action)a);
	if (!c->can[ACT_PAY] && !c->can[ACT_SELL])
		return err_set(e, EINVAL, "driver %s: declares neither pay nor sell", c->ops->name);
	return 0;
}

static int check_lanes(const struct crowd *c, struct err *e)
{
	for (unsigned i = 0; i < c->lanes_count; i++) {
		if (!c->lanes[i].backup)
			return 0;
	}
	return err_set(e, EINVAL, "no lane of target %s is for shoppers",
		       c->o.target->name ? c->o.target->name : "?");
}

static int64_t wall(const struct crowd *c, struct dur d)
{
	return d.ns < 0 ? -1 : dur_wall(d, c->pace_milli);
}

static void set_times(struct crowd *c)
{
	const struct shoppers *s = c->conf;

	c->pace_milli = s->pace_milli > 0 ? s->pace_milli : 1000;
	c->timeout_ns = wall(c, s->step_timeout);
	if (c->timeout_ns <= 0)
		c->timeout_ns = 60 * NS_PER_S;
	c->warmup_ns = wall(c, c->o.experiment->warmup);
	if (c->warmup_ns < 0)
		c->warmup_ns = 0;
	c->train_ns = s->train > 0 ? wall(c, s->train_slack) : -1;
}

static int build(struct crowd *c, struct err *e)
{
	int r;

	set_times(c);
	find_lanes(c);
	find_tenders(c);
	c->checkout = hist_new();
	c->lateness = hist_new();
	r = check_lanes(c, e);
	if (r == 0)
		r = human_init(c, e);
	if (r == 0)
		r = basket_init(c, e);
	if (r == 0)
		r = make_driver(c, e);
	return r;
}

int crowd_new_driver(struct crowd **ret, const struct crowd_opts *o, const struct driver_ops *ops,
		     struct err *e)
{
	struct crowd *c = xcalloc(1, sizeof(*c));
	int r;

	c->o = *o;
	c->conf = &o->experiment->shoppers;
	c->ops = ops;
	r = build(c, e);
	if (r < 0) {
		crowd_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int crowd_new(struct crowd **ret, const struct crowd_opts *o, struct err *e)
{
	return crowd_new_driver(ret, o, drivers[o->target->driver.kind], e);
}

void *crowd_driver(struct crowd *c)
{
	return c->driver;
}

/* ---- taking down ---- */

static void free_sale(struct visit *sale)
{
	free(sale->basket.unit);
	free(sale->basket.line);
	free(sale);
}

static void free_queue(struct queue *q)
{
	while (q->head) {
		struct shopper *s = q->head;

		queue_remove(s);
		if (s->sale)
			free_sale(s->sale);
	}
}

static void free_memory(struct crowd *c)
{
	while (c->sale_free) {
		struct visit *sale = c->sale_free;

		c->sale_free = sale->next;
		free_sale(sale);
	}
	while (c->slabs) {
		struct slab *slab = c->slabs;

		c->slabs = slab->next;
		free(slab);
	}
	buf_done(&c->text);
	hist_free(c->checkout);
	hist_free(c->lateness);
	free(c->goods_sum);
	free(c->markers);
	for (unsigned i = 0; i < c->tenders_count; i++)
		free(c->tenders[i]);
	free(c->tenders);
	free(c->manners);
	free(c->tender_share);
	free(c->names);
	free(c->lanes);
	human_done(c);
}

void crowd_free(struct crowd *c)
{
	if (!c)
		return;
	loop_timer_cancel(c->o.loop, &c->arrival);
	loop_timer_cancel(c->o.loop, &c->closing);
	for (unsigned i = 0; i < c->lanes_count; i++) {
		lane_clear(&c->lanes[i]);
		free_queue(&c->lanes[i].queue);
		if (c->lanes[i].shopper)
			free_sale(c->lanes[i].shopper->sale);
	}
	free_queue(&c->hall);
	if (c->driver)
		c->ops->free(c->driver);
	free_memory(c);
	free(c);
}

/* ---- opening and closing ---- */

static int wait_ready(struct crowd *c, int64_t deadline_ns)
{
	c->ready = c->waiting == 0;
	return c->ready ? 0 : loop_run_until(c->o.loop, &c->ready, deadline_ns);
}

/* Which lane we waited for in vain, and what it last said. */
static int not_open(struct crowd *c, int r, struct err *e)
{
	for (unsigned i = 0; i < c->lanes_count; i++) {
		struct lane *l = &c->lanes[i];

		lane_clear(l);
		if (r == -ETIMEDOUT && l->state == LANE_DOWN) {
			err_set(e, EPROTO, "%s: open-session: %s", l->name,
				l->error[0] ? l->error : "no answer in time");
			r = -EPROTO;
		}
	}
	c->waiting = 0;
	return r == -EPROTO ? r : err_set(e, -r, "opening the lanes failed");
}

int crowd_open(struct crowd *c, int64_t deadline_ns, int64_t *ret_first_ns, struct err *e)
{
	int r = c->ops->start(c->driver, e);

	if (r < 0)
		return err_wrap(e, "driver %s", c->ops->name);
	for (unsigned i = 0; i < c->lanes_count; i++) {
		if (c->lanes[i].backup)
			continue;
		c->lanes[i].state = c->can[ACT_OPEN_SESSION] ? LANE_DOWN : LANE_UP;
		c->waiting += c->can[ACT_OPEN_SESSION];
	}
	for (unsigned i = 0; i < c->lanes_count; i++) {
		if (c->lanes[i].state == LANE_DOWN)
			lane_probe(&c->lanes[i]);
	}
	r = wait_ready(c, deadline_ns);
	if (r < 0)
		return not_open(c, r, e);
	arrivals_start(c, clock_now() + FIRST_AFTER_NS);
	*ret_first_ns = c->first_ns;
	crowd_check_finished(c);
	return 0;
}

void crowd_halt(struct crowd *c)
{
	int64_t now = clock_now();

	c->halted = true;
	arrivals_stop(c);
	for (unsigned i = 0; i < c->lanes_count; i++)
		queue_leave(&c->lanes[i].queue, now, LEFT_SENT_HOME);
	queue_leave(&c->hall, now, LEFT_SENT_HOME);
	crowd_check_finished(c);
}

void crowd_abort(struct crowd *c)
{
	crowd_halt(c);
	for (unsigned i = 0; i < c->lanes_count; i++)
		till_abort(&c->lanes[i], clock_now(), TOLD_CUT_SHORT);
}

int crowd_close(struct crowd *c, int64_t deadline_ns, struct err *e)
{
	int r = 0;

	crowd_halt(c);
	if (!c->can[ACT_CLOSE])
		return 0;
	for (unsigned i = 0; i < c->lanes_count; i++) {
		till_abort(&c->lanes[i], clock_now(), "the lane closed");
		if (c->lanes[i].state != LANE_CLOSED)
			c->waiting++;
	}
	for (unsigned i = 0; i < c->lanes_count; i++) {
		if (c->lanes[i].state != LANE_CLOSED)
			lane_close(&c->lanes[i]);
	}
	r = wait_ready(c, deadline_ns);
	for (unsigned i = 0; i < c->lanes_count; i++) {
		struct lane *l = &c->lanes[i];

		if (l->closing || (l->error[0] && l->state != LANE_CLOSED))
			r = err_set(e, EPROTO, "%s: close: %s", l->name,
				    l->closing ? "no answer in time" : l->error);
		lane_clear(l);
	}
	c->waiting = 0;
	return r;
}

/* ---- looking ---- */

void crowd_progress(const struct crowd *c, struct crowd_progress *ret)
{
	*ret = (struct crowd_progress){
		.arrived = c->n.arrived,
		.queued = c->n.queued,
		.at_till = c->n.at_till,
		.ok = c->n.ok,
		.refused = c->n.refused,
		.unknown = c->n.unknown,
		.left = c->n.left,
		.missed = c->n.missed,
		.p50_ns = hist_percentile(c->checkout, 50),
		.p95_ns = hist_percentile(c->checkout, 95),
		.finished = c->finished,
	};
}

const struct hist *crowd_lateness(const struct crowd *c)
{
	return c->lateness;
}
