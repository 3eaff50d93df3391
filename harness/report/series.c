/* SPDX-License-Identifier: Apache-2.0 */
#include "report/series.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "report/summary.h"

/* One duration in one window; sorted, the percentiles are read off exactly. */
struct sample {
	size_t window;
	int64_t ns;
};

static int64_t width_for(int64_t span_ns)
{
	static const int64_t steps_ms[] = {50,	  100,	 250,	500,	1000,	2000,	5000,
					   10000, 30000, 60000, 300000, 600000, 1800000};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(steps_ms); i++) {
		if (span_ns / (steps_ms[i] * NS_PER_MS) < SERIES_WINDOWS_MAX - 1)
			return steps_ms[i] * NS_PER_MS;
	}
	return span_ns / (SERIES_WINDOWS_MAX - 1) + 1;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t last_moment(const struct ledgers *l, const struct summary *s)
{
	int64_t end = later(s->facts.close_ns, s->facts.heal_ns);
	size_t i;

	for (i = 0; i < l->told_count; i++)
		end = later(end, l->told[i].end_ns);
	for (i = 0; i < l->left_count; i++)
		end = later(end, l->left[i].left_ns);
	return later(end - s->facts.open_ns, NS_PER_MS);
}

static size_t window_of(const struct series *sr, int64_t t_ns)
{
	int64_t i = t_ns < 0 ? 0 : t_ns / sr->width_ns;

	return i < (int64_t)sr->windows ? (size_t)i : sr->windows - 1;
}

static void count(struct series *sr, const struct ledgers *l, int64_t open)
{
	size_t i;

	for (i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];
		struct window *w = &sr->window[window_of(sr, t->end_ns - open)];

		sr->window[window_of(sr, t->intended_ns - open)].arrived++;
		w->ok += t->outcome == TOLD_OK;
		w->refused += t->outcome == TOLD_REFUSED;
		w->unknown += t->outcome == TOLD_UNKNOWN;
	}
	for (i = 0; i < l->left_count; i++) {
		sr->window[window_of(sr, l->left[i].intended_ns - open)].arrived++;
		sr->window[window_of(sr, l->left[i].left_ns - open)].left++;
	}
}

static int by_window(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (x->window != y->window)
		return x->window < y->window ? -1 : 1;
	return (x->ns > y->ns) - (x->ns < y->ns);
}

/* Percentiles of each run of samples with the same window, into the two fields. */
static void percentiles(struct series *sr, struct sample *at, size_t n, size_t p50, size_t p95)
{
	size_t from = 0, to;

	qsort(at, n, sizeof(*at), by_window);
	for (; from < n; from = to) {
		char *w = (char *)&sr->window[at[from].window];
		size_t k;

		for (to = from; to < n && at[to].window == at[from].window; to++)
			;
		k = to - from;
		*(int64_t *)(void *)(w + p50) = at[from + (k - 1) / 2].ns;
		*(int64_t *)(void *)(w + p95) = at[from + (k - 1) * 95 / 100].ns;
	}
}

static void times(struct series *sr, const struct ledgers *l, int64_t open)
{
	struct sample *queue = xcalloc(l->told_count + 1, sizeof(*queue));
	struct sample *till = xcalloc(l->told_count + 1, sizeof(*till));
	size_t i;

	for (i = 0; i < sr->windows; i++) {
		struct window *w = &sr->window[i];

		w->queue_p50 = w->queue_p95 = w->checkout_p50 = w->checkout_p95 = -1;
	}
	for (i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];

		queue[i].window = till[i].window = window_of(sr, t->end_ns - open);
		queue[i].ns = later(t->start_ns - t->intended_ns, 0);
		till[i].ns = later(t->end_ns - t->start_ns, 0);
	}
	if (l->told_count) {
		percentiles(sr, queue, l->told_count, offsetof(struct window, queue_p50),
			    offsetof(struct window, queue_p95));
		percentiles(sr, till, l->told_count, offsetof(struct window, checkout_p50),
			    offsetof(struct window, checkout_p95));
	}
	free(queue);
	free(till);
}

/* The band of this fault that has not been closed yet, from behind. */
static struct band *band_open(struct series *sr, int fault)
{
	size_t i;

	for (i = sr->bands; i > 0; i--) {
		if (sr->band[i - 1].fault == fault && sr->band[i - 1].to_ns < 0)
			return &sr->band[i - 1];
	}
	return NULL;
}

static void band_event(struct series *sr, const struct event *ev, int64_t t_ns)
{
	struct band *b = ev->kind == EV_HEALED ? band_open(sr, ev->fault) : NULL;

	if (b)
		b->to_ns = t_ns;
	else if (ev->kind == EV_ARMED && sr->bands < SERIES_BANDS_MAX)
		sr->band[sr->bands++] = (struct band){ev->fault, t_ns, -1};
}

static void mark_event(struct series *sr, const struct event *ev, int64_t t_ns)
{
	if (sr->marks == SERIES_MARKS_MAX) {
		sr->marks_cut++;
		return;
	}
	sr->mark[sr->marks++] = (struct mark_at){
	    .kind = ev->kind, .fault = ev->fault, .t_ns = t_ns, .what = ev->object, .did = ev->did};
}

static void events(struct series *sr, const struct ledgers *l, int64_t open)
{
	size_t i;

	for (i = 0; i < l->event_count; i++) {
		const struct event *ev = &l->event[i];
		int64_t t = ev->t_ns - open;

		if (t < 0 || t > sr->end_ns)
			continue; /* starting up and closing down are no news */
		if (ev->kind == EV_ARMED || ev->kind == EV_HEALED)
			band_event(sr, ev, t);
		else if (ev->kind == EV_FIRED || (ev->kind >= EV_STARTED && ev->kind <= EV_KILLED))
			mark_event(sr, ev, t);
	}
	for (i = 0; i < sr->bands; i++) {
		if (sr->band[i].to_ns < 0)
			sr->band[i].to_ns = sr->end_ns;
	}
}

struct series *series_new(const struct ledgers *l, const struct summary *s)
{
	struct series *sr = xcalloc(1, sizeof(*sr));

	sr->end_ns = last_moment(l, s);
	sr->width_ns = width_for(sr->end_ns);
	sr->windows = (size_t)(sr->end_ns / sr->width_ns) + 1;
	count(sr, l, s->facts.open_ns);
	times(sr, l, s->facts.open_ns);
	events(sr, l, s->facts.open_ns);
	return sr;
}

void series_free(struct series *s)
{
	free(s);
}

static void json_window(struct json_out *o, const struct series *sr, size_t i)
{
	const struct window *w = &sr->window[i];

	json_obj(o, NULL);
	json_i64(o, "t_ns", (int64_t)i * sr->width_ns);
	json_i64(o, "arrived", w->arrived);
	json_i64(o, "ok", w->ok);
	json_i64(o, "refused", w->refused);
	json_i64(o, "unknown", w->unknown);
	json_i64(o, "left", w->left);
	json_i64(o, "queue_p50_ns", w->queue_p50);
	json_i64(o, "queue_p95_ns", w->queue_p95);
	json_i64(o, "checkout_p50_ns", w->checkout_p50);
	json_i64(o, "checkout_p95_ns", w->checkout_p95);
	json_obj_end(o);
}

void series_json(const struct series *sr, const struct summary *s, struct buf *out)
{
	struct json_out o = {.buf = out, .pretty = true};
	size_t i;

	json_obj(&o, NULL);
	json_str(&o, "experiment", s->experiment);
	json_i64(&o, "seed", s->seed);
	json_i64(&o, "pace_milli", s->pace_milli);
	json_f64(&o, "rate_per_s", s->rate);
	json_i64(&o, "checkout_p95_ns", s->p95_ns);
	json_i64(&o, "wall_ns", s->wall_ns);
	json_i64(&o, "own_ns", s->own_ns);
	json_i64(&o, "window_ns", sr->width_ns);
	json_arr(&o, "windows");
	for (i = 0; i < sr->windows; i++)
		json_window(&o, sr, i);
	json_arr_end(&o);
	json_arr(&o, "faults");
	for (i = 0; i < sr->bands; i++) {
		json_obj(&o, NULL);
		json_i64(&o, "fault", sr->band[i].fault);
		json_i64(&o, "from_ns", sr->band[i].from_ns);
		json_i64(&o, "to_ns", sr->band[i].to_ns);
		json_obj_end(&o);
	}
	json_arr_end(&o);
	summary_json_links(s, &o);
	json_obj_end(&o);
	buf_addc(out, '\n');
}
