/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *     arrivals  | | ||  |  | |  || |  |   |  || | |    |.....(no more)
 *     faults         [====]
 *                         heal
 *                          |--w--|--w--|--w--|          candidate start t = heal
 *                            |--w--|--w--|--w--|        next candidate
 *
 * A candidate start is good when `in_a_row` windows of `width` after it are
 * all good. The recovery time is the first good candidate minus the heal; it
 * is looked for in steps of a tenth of a window, once for the till and once
 * for the queue. A candidate whose windows reach beyond the last arrival is
 * undecided: a shop that nobody enters any more proves nothing.
 *
 * Poisson arrivals scatter: with 6 sales expected per window, one window in
 * three has fewer than 90 % of them on a perfect day. So a window fails on
 * rate only when it has significantly fewer sales (one-sided 95 %) than the
 * share asked for. Windows are widened until 5 sales are expected in each.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "judge/check.h"

/**
 * recovery-time: after the last heal the shop is back on its feet in time, at the till and at the
 * queue.
 *
 *   t_till  = min { t >= heal : the next `in_a_row` windows [t', t'+w)
 *                 with anybody in the shop all have
 *                 sold(t') >= of_baseline × min(rate × w, demand(t')), less what chance explains,
 *                 and sold(t') >= of_baseline × told(t'), and sold(t') > 0 }
 *   t_queue = the same with: median queue wait of those reaching the till in the window
 *                 <= max(1.5 × p90 of the waits before the first fault, one median checkout)
 *   max(t_till, t_queue) - heal <= max
 *
 * rate is the good day's (baseline). Without one it is the rate before the
 * first fault; and where nothing is known, every sale told in a window must have
 * succeeded. demand(t') is who is in the shop in the window. Queue waits
 * need sales before the first fault; else only the till is judged. Windows
 * are the experiment's `recovery:` (5 s, three in a row, 90 %). Real time.
 */
struct options {
	struct dur max;
};

static const struct opt rows[] = {
	{.name = "max",
	 .type = OPT_DURATION,
	 .offset = offsetof(struct options, max),
	 .min = "1ms",
	 .domain = DOMAIN_SYSTEM,
	 .scalar = true,
	 .example = "30s",
	 .help = "longest time from the last heal until sales succeed again, real time"},
	OPT_END};

struct wait {
	int64_t at_ns, wait_ns; /* reached the till; had waited */
};

struct work {
	const struct judge_in *in;
	struct samples sold, told, arrived, left; /* times, sorted */
	struct wait *waits;			  /* owned; by at_ns */
	size_t waits_count;
	int64_t heal, first_fault, end; /* end: the last arrival */
	int64_t width, step, in_a_row;
	double share, rate; /* rate per ns; < 0 unknown */
	int64_t wait_limit; /* wall ns; < 0: queue not judged */
};

/* How many of the sorted times lie before t. */
static size_t before(const struct samples *s, int64_t t)
{
	size_t lo = 0, hi = s->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->at[mid] < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static double within(const struct samples *s, int64_t from, int64_t to)
{
	return (double)(before(s, to) - before(s, from));
}

static int wait_order(const void *a, const void *b)
{
	const struct wait *x = a, *y = b;

	return x->at_ns < y->at_ns ? -1 : x->at_ns > y->at_ns;
}

static void sort_waits(struct work *w)
{
	for (size_t i = 1; i < w->waits_count; i++)
		if (w->waits[i - 1].at_ns > w->waits[i].at_ns) {
			qsort(w->waits, w->waits_count, sizeof(*w->waits), wait_order);
			return;
		}
}

static void collect(struct work *w)
{
	const struct ledgers *l = w->in->ledgers;

	w->waits = xcalloc(l->told_count + 1, sizeof(*w->waits));
	for (size_t i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];

		samples_add(&w->arrived, t->intended_ns);
		samples_add(&w->told, t->end_ns);
		if (told_acked(t))
			samples_add(&w->sold, t->end_ns);
		w->waits[w->waits_count++] =
			(struct wait){t->start_ns, t->start_ns - t->intended_ns};
	}
	for (size_t i = 0; i < l->left_count; i++) {
		samples_add(&w->arrived, l->left[i].intended_ns);
		samples_add(&w->left, l->left[i].left_ns);
	}
	samples_sort(&w->arrived);
	samples_sort(&w->told);
	samples_sort(&w->left);
	samples_sort(&w->sold);
	sort_waits(w);
	w->end = w->arrived.count ? w->arrived.at[w->arrived.count - 1] : 0;
}

/* What the shop was like before: rate and queue. */
static void look_back(struct work *w)
{
	struct samples waits = {0}, checkouts = {0};
	const struct ledgers *l = w->in->ledgers;
	double sold = within(&w->sold, INT64_MIN, w->first_fault);
	int64_t span = w->first_fault - w->in->facts->open_ns;

	w->rate = w->in->facts->baseline_rate > 0 ? w->in->facts->baseline_rate / 1e9
		  : sold >= 5 && span > 0	  ? sold / (double)span
						  : -1;
	w->wait_limit = -1;
	for (size_t i = 0; i < l->told_count; i++) {
		if (l->told[i].end_ns >= w->first_fault)
			continue;
		samples_add(&waits, l->told[i].start_ns - l->told[i].intended_ns);
		samples_add(&checkouts, l->told[i].end_ns - l->told[i].start_ns);
	}
	if (waits.count >= 5) {
		int64_t one = samples_percentile(&checkouts, 0.5);
		int64_t wait = samples_percentile(&waits, 0.9) * 3 / 2;

		w->wait_limit = wait > one ? wait : one;
	}
	samples_done(&waits);
	samples_done(&checkouts);
}

static void set_windows(struct work *w)
{
	const struct windows *r = &w->in->experiment->recovery;
	int64_t pace = w->in->experiment->shoppers.pace_milli;

	w->width = r->width.ns > 0 ? dur_wall(r->width, pace) : 5 * NS_PER_S;
	w->in_a_row = r->in_a_row > 0 ? r->in_a_row : 3;
	w->share = r->of_baseline > 0 ? r->of_baseline : 0.9;
	if (w->rate > 0 && w->rate * (double)w->width < 5)
		w->width = (int64_t)(5 / w->rate);
	w->step = w->width / 10 > 0 ? w->width / 10 : 1;
}

/* EMPTY: nobody was in the shop; says nothing. UNKNOWN: beyond the last arrival. */
enum window { WINDOW_GOOD, WINDOW_BAD, WINDOW_EMPTY, WINDOW_UNKNOWN };

static double demand_in(const struct work *w, int64_t from, int64_t to)
{
	return (double)before(&w->arrived, to) - (double)before(&w->told, from) -
	       (double)before(&w->left, from);
}

static enum window till_window(const struct work *w, int64_t from)
{
	int64_t to = from + w->width;
	double sold = within(&w->sold, from, to), told = within(&w->told, from, to);
	double demand = demand_in(w, from, to);
	double want = fmin(w->rate * (double)w->width, demand) * w->share;

	if (to > w->end)
		return WINDOW_UNKNOWN;
	if (demand == 0)
		return WINDOW_EMPTY;
	if (w->rate < 0)
		return told > 0 && sold == told ? WINDOW_GOOD : WINDOW_BAD;
	if (sold == 0 || sold < w->share * told)
		return WINDOW_BAD;
	return sold >= want - 1.645 * sqrt(want) ? WINDOW_GOOD : WINDOW_BAD;
}

/* The median wait of those who reached a till in the window. */
static enum window queue_window(const struct work *w, int64_t from)
{
	struct samples in = {0};
	int64_t to = from + w->width, median;
	size_t lo = 0, hi = w->waits_count;

	if (to > w->end)
		return WINDOW_UNKNOWN;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (w->waits[mid].at_ns < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < w->waits_count && w->waits[lo].at_ns < to; lo++)
		samples_add(&in, w->waits[lo].wait_ns);
	if (!in.count) /* nobody reached a till: the queue stands, unless there is none */
		return demand_in(w, from, to) > 0 ? WINDOW_BAD : WINDOW_EMPTY;
	median = samples_percentile(&in, 0.5);
	samples_done(&in);
	return median <= w->wait_limit ? WINDOW_GOOD : WINDOW_BAD;
}

typedef enum window window_fn(const struct work *w, int64_t from);

/* Are the next in_a_row windows that say something all good? */
static enum window candidate(const struct work *w, window_fn *fn, int64_t from)
{
	for (int64_t good = 0; good < w->in_a_row; from += w->width) {
		enum window v = fn(w, from);

		if (v == WINDOW_BAD || v == WINDOW_UNKNOWN)
			return v;
		good += v == WINDOW_GOOD;
	}
	return WINDOW_GOOD;
}

/* First good start after the heal; *ret_open: from where on it is undecided, -1 when found. */
static int64_t recovered(const struct work *w, window_fn *fn, int64_t *ret_open)
{
	*ret_open = -1;
	for (int64_t t = w->heal; t <= w->end; t += w->step) {
		enum window v = candidate(w, fn, t);

		if (v == WINDOW_GOOD)
			return t - w->heal;
		if (v == WINDOW_UNKNOWN && *ret_open < 0)
			*ret_open = t - w->heal;
	}
	if (*ret_open < 0)
		*ret_open = w->end > w->heal ? w->end - w->heal : 0;
	return -1;
}

/* One side, till or queue. Returns false when it cannot be decided. */
static bool judge_side(const struct work *w, const char *name, window_fn *fn, int64_t max,
		       struct judgement *ret)
{
	const struct experiment *x = w->in->experiment;
	char took[TIME_TEXT], limit[TIME_TEXT], needed[TIME_TEXT];
	int64_t open, t = recovered(w, fn, &open);
	size_t len = strlen(ret->figure);

	real_text(limit, x, max);
	snprintf(ret->figure + len, sizeof(ret->figure) - len, "%s%s %s", len ? ", " : "", name,
		 t >= 0 ? real_text(took, x, t) : "not seen");
	if (t >= 0 || open > max)
		check_margin(ret, (double)(t >= 0 ? t : open), (double)max, false);
	if (t > max) {
		judgement_witness(ret, NULL, "the %s was back %s after the heal, limit %s", name,
				  took, limit);
	} else if (t < 0 && open > max) {
		judgement_witness(ret, NULL, "the %s was not back %s after the heal, limit %s",
				  name, real_text(took, x, open), limit);
	} else if (t < 0) {
		check_inconclusive(ret,
				   "the last shopper came %s after the heal, too early to see "
				   "whether the %s was back within %s (that takes %s): use more "
				   "shoppers or heal earlier",
				   real_text(took, x, w->end > w->heal ? w->end - w->heal : 0),
				   name,
				   limit, real_text(needed, x, max + w->in_a_row * w->width));
		return false;
	}
	return true;
}

static void judge_sides(struct work *w, int64_t max, struct judgement *ret)
{
	char width[TIME_TEXT];

	collect(w);
	look_back(w);
	set_windows(w);
	ret->judged = (int64_t)within(&w->told, w->heal, INT64_MAX);
	judge_side(w, "till", till_window, max, ret);
	if (w->wait_limit >= 0)
		judge_side(w, "queue", queue_window, max, ret);
	check_finish(ret, "no sale after the heal",
		     "back after the heal: %s (%" PRId64 " windows of %s in a row)%s", ret->figure,
		     w->in_a_row, real_text(width, w->in->experiment, w->width),
		     w->wait_limit >= 0 ? ""
					: "; the queue was not judged: too few sales before the "
					  "first fault");
	free(w->waits);
	samples_done(&w->sold);
	samples_done(&w->told);
	samples_done(&w->arrived);
	samples_done(&w->left);
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	struct work w = {.in = in, .heal = in->facts->heal_ns};
	struct fault_window *windows;
	char limit[TIME_TEXT];
	size_t n;

	snprintf(ret->limit, sizeof(ret->limit), "<= %s",
		 real_text(limit, in->experiment, o->max.ns));
	if (w.heal < 0) {
		check_inconclusive(ret,
				   "no fault was armed and healed, so there was nothing to recover "
				   "from");
		return;
	}
	n = judge_windows(in->ledgers, &windows);
	w.first_fault = n ? windows[0].armed_ns : w.heal;
	free(windows);
	judge_sides(&w, o->max.ns, ret);
}

static bool about_faults(const void *opts)
{
	(void)opts;
	return true;
}

static int64_t limit_ns(const void *opts, const struct experiment *x)
{
	(void)x;
	return ((const struct options *)opts)->max.ns;
}

const struct check_ops check_recovery_time = {
	.name = "recovery-time",
	.summary = "after the last heal, sales and the queue are back to normal in time",
	.opts = {rows, sizeof(struct options)},
	.timing = true,
	.about_faults = about_faults,
	.limit_ns = limit_ns,
	.judge = judge,
	.example = "recovery-time: {max: 30s}",
};
