/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One pass over the told and left ledgers counts windows,
 * lanes and bins; durations are sorted by window, so that percentiles are read
 * off exactly. How many people stood somewhere is an integral: each stay adds the
 * part of the first and last window that it covers, and one to all in between by
 * a difference.
 */
#include "report/series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hist.h"
#include "base/str.h"
#include "judge/judge.h"
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
		w->missed += t->train_missed;
	}
	for (i = 0; i < l->left_count; i++) {
		sr->window[window_of(sr, l->left[i].intended_ns - open)].arrived++;
		sr->window[window_of(sr, l->left[i].left_ns - open)].left++;
		sr->window[window_of(sr, l->left[i].left_ns - open)].missed +=
			l->left[i].train_missed;
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

/* ---- how many stood where ---- */

struct presence {
	int64_t part[SERIES_WINDOWS_MAX];      /* ns */
	int64_t whole[SERIES_WINDOWS_MAX + 1]; /* differences */
};

static void stay(const struct series *sr, struct presence *p, int64_t from, int64_t to)
{
	size_t a, b;

	from = later(from, 0);
	if (to <= from)
		return;
	a = window_of(sr, from);
	b = window_of(sr, to);
	if (a == b) {
		p->part[a] += to - from;
		return;
	}
	p->part[a] += (int64_t)(a + 1) * sr->width_ns - from;
	p->part[b] += to - (int64_t)b * sr->width_ns;
	p->whole[a + 1]++;
	p->whole[b]--;
}

/* In thousandths of the window's width. */
static void settle(const struct series *sr, const struct presence *p, int64_t *to, size_t stride)
{
	int64_t whole = 0;
	size_t i;

	for (i = 0; i < sr->windows; i++) {
		whole += p->whole[i];
		*to = (int64_t)((__int128)p->part[i] * 1000 / sr->width_ns) + whole * 1000;
		to += stride;
	}
}

static void people(struct series *sr, const struct ledgers *l, int64_t open)
{
	struct presence *queue = xcalloc(1, sizeof(*queue)), *till = xcalloc(1, sizeof(*till));
	size_t i, stride = sizeof(struct window) / sizeof(int64_t);

	for (i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];

		stay(sr, queue, t->intended_ns - open, t->start_ns - open);
		stay(sr, till, t->start_ns - open, t->end_ns - open);
	}
	for (i = 0; i < l->left_count; i++)
		stay(sr, queue, l->left[i].intended_ns - open, l->left[i].left_ns - open);
	settle(sr, queue, &sr->window[0].queue_milli, stride);
	settle(sr, till, &sr->window[0].till_milli, stride);
	free(queue);
	free(till);
}

/* ---- lanes ---- */

static struct lane_series *lane_of(struct series *sr, const char *name)
{
	size_t i;

	for (i = 0; i < sr->lanes; i++) {
		if (!strncmp(sr->lane[i].name, name, SERIES_NAME - 1))
			return &sr->lane[i];
	}
	if (sr->lanes == SERIES_LANES_MAX)
		return NULL;
	snprintf(sr->lane[i].name, SERIES_NAME, "%s", name);
	return &sr->lane[sr->lanes++];
}

static int by_name(const void *a, const void *b)
{
	const struct lane_series *x = a, *y = b;

	return strverscmp(x->name, y->name);
}

static void lanes_find(struct series *sr, const struct ledgers *l)
{
	const char *last = NULL;
	size_t i;

	for (i = 0; i < l->told_count; i++) {
		const char *lane = l->told[i].lane;

		if (!lane || (last && str_eq(lane, last)))
			continue;
		last = lane;
		sr->lanes_cut += !lane_of(sr, lane);
	}
	qsort(sr->lane, sr->lanes, sizeof(*sr->lane), by_name);
}

static void lanes(struct series *sr, const struct ledgers *l, int64_t open)
{
	struct presence *busy = xcalloc(SERIES_LANES_MAX, sizeof(*busy));
	size_t i;

	lanes_find(sr, l);
	for (i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];
		struct lane_series *lane = t->lane ? lane_of(sr, t->lane) : NULL;
		size_t w = window_of(sr, t->end_ns - open);

		if (!lane)
			continue;
		lane->ok[w] += t->outcome == TOLD_OK;
		lane->refused[w] += t->outcome == TOLD_REFUSED;
		lane->unknown[w] += t->outcome == TOLD_UNKNOWN;
		stay(sr, &busy[lane - sr->lane], t->start_ns - open, t->end_ns - open);
	}
	for (i = 0; i < sr->lanes; i++)
		settle(sr, &busy[i], sr->lane[i].busy_milli, 1);
	free(busy);
}

/* ---- latency, and the parts of the day ---- */

int64_t latency_bin_ns(size_t i)
{
	static const int64_t mantissa[] = {1000, 1259, 1585, 1995, 2512,
					   3162, 3981, 5012, 6310, 7943};
	int64_t decade = 100; /* thousandths of the first bin's 100 us */

	for (size_t k = 0; k < i / 10; k++)
		decade *= 10;
	return mantissa[i % 10] * decade;
}

static void bin(int64_t lo, int64_t hi, uint64_t count, void *arg)
{
	struct latency *to = arg;
	size_t i = 0;

	(void)hi;
	while (i + 1 < SERIES_BINS && latency_bin_ns(i + 1) <= lo)
		i++;
	to->bin[i] += (int64_t)count;
}

static void latency_take(struct latency *to, const struct hist *h)
{
	*to = (struct latency){.count = (int64_t)hist_count(h),
			       .p50 = hist_percentile(h, 50),
			       .p90 = hist_percentile(h, 90),
			       .p95 = hist_percentile(h, 95),
			       .p99 = hist_percentile(h, 99),
			       .p999 = hist_percentile(h, 99.9),
			       .max = hist_max(h)};
	hist_each(h, bin, to);
}

static void latencies(struct series *sr, const struct ledgers *l)
{
	struct hist *corrected = hist_new(), *uncorrected = hist_new();
	size_t i;

	for (i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];

		hist_add(corrected, t->end_ns - t->intended_ns);
		hist_add(uncorrected, t->end_ns - t->start_ns);
	}
	latency_take(&sr->corrected, corrected);
	latency_take(&sr->uncorrected, uncorrected);
	hist_free(corrected);
	hist_free(uncorrected);
}

const char *const series_phase_names[SERIES_PHASES] = {"healthy", "faulty", "recovering"};

static void phase_take(struct phase_times *to, const struct hist *till, const struct hist *queue)
{
	*to = (struct phase_times){(int64_t)hist_count(till), -1, -1, -1, -1, -1};
	if (!to->sales)
		return;
	to->p50 = hist_percentile(till, 50);
	to->p95 = hist_percentile(till, 95);
	to->p99 = hist_percentile(till, 99);
	to->max = hist_max(till);
	to->queue_p95 = hist_percentile(queue, 95);
}

static void phases(struct series *sr, const struct ledgers *l)
{
	struct hist *till[SERIES_PHASES], *queue[SERIES_PHASES];
	struct fault_window *windows;
	size_t i, n = judge_windows(l, &windows);

	for (i = 0; i < SERIES_PHASES; i++) {
		till[i] = hist_new();
		queue[i] = hist_new();
	}
	for (i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];
		int p = judge_phase(windows, n, t->intended_ns, t->end_ns);

		hist_add(till[p], t->end_ns - t->start_ns);
		hist_add(queue[p], t->start_ns - t->intended_ns);
	}
	for (i = 0; i < SERIES_PHASES; i++) {
		phase_take(&sr->phase[i], till[i], queue[i]);
		hist_free(till[i]);
		hist_free(queue[i]);
	}
	free(windows);
}

/* ---- events ---- */

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

static void words(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static void mark_event(struct series *sr, const struct event *ev, int64_t t_ns)
{
	struct mark_at *m = &sr->mark[sr->marks];

	if (sr->marks == SERIES_MARKS_MAX) {
		sr->marks_cut++;
		return;
	}
	sr->marks++;
	*m = (struct mark_at){.kind = ev->kind, .t_ns = t_ns};
	words(m->what, sizeof(m->what), ev->object);
	words(m->did, sizeof(m->did), ev->did);
}

/* Events are in time order, so the bin is among the last ones. */
static void hit_event(struct series *sr, const struct event *ev, int64_t t_ns)
{
	int64_t w = (int64_t)window_of(sr, t_ns);
	struct hits *h;
	size_t i;

	for (i = sr->hits; i > 0 && sr->hit[i - 1].window >= w; i--) {
		h = &sr->hit[i - 1];
		if (h->fault == ev->fault && h->window == w) {
			h->count++;
			return;
		}
	}
	if (sr->hits == SERIES_HITS_MAX) {
		sr->hits_cut++;
		return;
	}
	h = &sr->hit[sr->hits++];
	*h = (struct hits){.fault = ev->fault, .window = w, .count = 1, .first_ns = t_ns};
	words(h->did, sizeof(h->did), ev->did);
}

static bool is_mark(int kind)
{
	return kind == EV_LANE || (kind >= EV_STARTED && kind <= EV_KILLED);
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
		else if (ev->kind == EV_FIRED)
			hit_event(sr, ev, t);
		else if (is_mark(ev->kind))
			mark_event(sr, ev, t);
	}
	for (i = 0; i < sr->bands; i++) {
		if (sr->band[i].to_ns < 0)
			sr->band[i].to_ns = sr->end_ns;
	}
}

struct series *series_new(const struct ledgers *l, const struct summary *s, const char *dir,
			  const struct reconciliation *rec)
{
	struct series *sr = xcalloc(1, sizeof(*sr));
	int64_t open = s->facts.open_ns;

	sr->end_ns = last_moment(l, s);
	sr->width_ns = width_for(sr->end_ns);
	sr->windows = (size_t)(sr->end_ns / sr->width_ns) + 1;
	count(sr, l, open);
	times(sr, l, open);
	people(sr, l, open);
	lanes(sr, l, open);
	latencies(sr, l);
	phases(sr, l);
	events(sr, l, open);
	if (dir)
		series_nodes(sr, dir, open);
	sr->has_sales = rec != NULL;
	if (rec)
		sr->sales = *rec;
	return sr;
}

void series_free(struct series *s)
{
	free(s);
}
