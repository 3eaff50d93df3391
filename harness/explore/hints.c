/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A lane is busy for one mean checkout per shopper, so
 * lanes / mean is what the shop can serve; offered over that is the load. The
 * day ends one checkout after the last arrival, or, when more is offered than
 * can be served, when the queue is worked off.
 */
#include "explore/hints.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "crowd/crowd.h"
#include "explore/plan.h"
#include "faults/fault.h"
#include "judge/judge.h"

/* struct day - one experiment's day in shop ns. */
struct day {
	size_t lanes;
	double mean_ns; /* of a checkout; 0: no human times */
	double per_ns;	/* shoppers that come */
	double load;	/* offered / served */
	double end_ns;	/* expected */
};

static bool listed(const struct strlist *globs, const char *name)
{
	for (size_t i = 0; i < globs->count; i++)
		if (str_glob(globs->at[i], name))
			return true;
	return false;
}

/* The lanes that are open from the start. */
static size_t lanes_open(const struct shoppers *s, const struct target *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->lanes.count; i++)
		n += (!s->lanes.count || listed(&s->lanes, t->lanes.at[i])) &&
		     !listed(&s->backup, t->lanes.at[i]);
	return n;
}

static double arrivals_per_ns(const struct arrivals *a)
{
	if (a->kind == ARRIVALS_BURST)
		return (double)a->burst / (double)a->every_ns;
	return a->per_s / (double)NS_PER_S;
}

static struct day day_of(const struct plan_entry *e)
{
	const struct shoppers *s = &e->experiment->shoppers;
	struct day d = {.lanes = lanes_open(s, e->target),
			.mean_ns = crowd_human_mean_ns(s),
			.per_ns = arrivals_per_ns(&s->arrivals)};
	double coming = (double)s->count / d.per_ns;
	double serving = d.lanes ? (double)s->count * d.mean_ns / (double)d.lanes : 0;

	d.load = d.lanes ? d.per_ns * d.mean_ns / (double)d.lanes : 0;
	d.end_ns = (coming > serving ? coming : serving) + d.mean_ns;
	return d;
}

/* Shoppers come by the hour, minute or second: in the unit that gives a readable number. */
static void rate_words(double per_ns, struct buf *out)
{
	double per_min = per_ns * 60 * (double)NS_PER_S;

	if (per_min < 1)
		buf_printf(out, "%.3g shoppers an hour", per_min * 60);
	else if (per_min < 600)
		buf_printf(out, "%.3g shoppers a minute", per_min);
	else
		buf_printf(out, "%.3g shoppers a second", per_min / 60);
}

static void load_words(const struct day *d, struct buf *out)
{
	char mean[DUR_TEXT];

	rate_words(d->per_ns, out);
	buf_printf(out, " at %zu lane%s of %s a checkout: %.0f %% of what they can serve", d->lanes,
		   d->lanes == 1 ? "" : "s", dur_text(mean, (int64_t)d->mean_ns), d->load * 100);
}

void hints_load(const struct plan_entry *e, struct buf *out)
{
	struct day d = day_of(e);
	char end[DUR_TEXT];

	if (d.mean_ns <= 0) {
		buf_adds(out, "no human times: as fast as the POS answers");
		return;
	}
	load_words(&d, out);
	buf_printf(out, ", before the POS's own time; over after about %s shop",
		   dur_text(end, (int64_t)d.end_ns));
}

static void warning(const struct mark *at, const char *file, struct buf *out)
{
	if (at && at->line)
		buf_printf(out, "%s:%u:%u: warning: ", at->file, at->line, at->col);
	else
		buf_printf(out, "%s: warning: ", file);
}

static size_t warn_fault(const struct plan_entry *e, const struct day *d, size_t i, struct buf *out)
{
	const struct experiment *x = e->experiment;
	const struct when *w = &x->faults[i].when;
	char at[DUR_TEXT], end[DUR_TEXT];

	if (w->at.ns >= 0 && (double)w->at.ns > d->end_ns) {
		warning(&w->mark, x->path, out);
		buf_printf(out,
			   "faults[%zu] %s: at %s shop the day is over (expected end: %s shop), "
			   "so it may never fire\n",
			   i, x->faults[i].kind->name, dur_text(at, w->at.ns),
			   dur_text(end, (int64_t)d->end_ns));
		return 1;
	}
	if (w->on == ON_NOTHING && w->for_.ns >= 0 && (double)w->for_.ns < d->mean_ns &&
	    !((const struct fault_ops *)x->faults[i].kind->ops)->momentary) {
		warning(&w->mark, x->path, out);
		buf_printf(out,
			   "faults[%zu] %s: it is healed after %s shop, less than one checkout "
			   "takes (%s): perhaps nobody meets it\n",
			   i, x->faults[i].kind->name, dur_text(at, w->for_.ns),
			   dur_text(end, (int64_t)d->mean_ns));
		return 1;
	}
	if (w->after_sales >= x->shoppers.count) {
		warning(&w->mark, x->path, out);
		buf_printf(out,
			   "faults[%zu] %s: after %" PRId64 " sales, but only %" PRId64
			   " shoppers come, so it may never fire\n",
			   i, x->faults[i].kind->name, w->after_sales, x->shoppers.count);
		return 1;
	}
	return 0;
}

/* Is anything promised or done that the length of the queue decides? Else a full shop is meant. */
static bool queue_matters(const struct experiment *x)
{
	if (x->shoppers.patience.all.ns >= 0 || x->shoppers.patience.count || x->shoppers.train > 0)
		return true;
	for (size_t i = 0; i < x->checks_count; i++) {
		const struct check_ops *ops = x->checks[i].kind->ops;

		if (ops->queue_based && (!ops->paced || ops->paced(x->checks[i].opts)))
			return true;
	}
	return false;
}

size_t hints_warn(const struct plan_entry *e, struct buf *out)
{
	struct day d = day_of(e);
	size_t n = 0;

	if (d.load > 1 && queue_matters(e->experiment)) {
		warning(NULL, e->experiment->path, out);
		load_words(&d, out);
		buf_adds(out, "; the queue grows until the last shopper has come\n");
		n++;
	}
	for (size_t i = 0; i < e->experiment->faults_count; i++)
		if (e->experiment->faults[i].kind)
			n += warn_fault(e, &d, i, out);
	return n;
}
