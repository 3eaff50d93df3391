/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Each arming opens a window of its fault, each heal
 * closes one; activations of one fault may overlap, so the fault is in effect
 * from the first arming until as many heals were seen. What is still open at
 * the end lasts to the phase event `heal`, or for ever. Windows of all faults
 * are then merged into disjoint ones.
 */
#include <stdlib.h>
#include <string.h>

#include "judge/check.h"

const struct opt_value during_values[] = {
	[DURING_ALL] = {"all", "the whole trial"},
	[DURING_FAULT] = {"fault", "sales that a fault was in effect for"},
	[DURING_HEALTHY] = {"healthy", "sales before the first fault"},
	[DURING_RECOVERY] = {"recovery", "sales after a fault was healed"},
	{NULL, NULL},
};

struct builder {
	struct fault_window *at;
	size_t count, cap;
	struct open {
		int64_t depth, since_ns;
	} * open; /* by fault index */
	size_t open_count;
};

static void window_add(struct builder *b, int fault, int64_t from, int64_t to)
{
	if (b->count == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 16;
		b->at = xrealloc(b->at, b->cap * sizeof(*b->at));
	}
	b->at[b->count++] =
		(struct fault_window){.fault = fault, .armed_ns = from, .healed_ns = to};
}

static struct open *open_of(struct builder *b, int fault)
{
	size_t want = (size_t)fault + 1;

	if (want > b->open_count) {
		b->open = xrealloc(b->open, want * sizeof(*b->open));
		memset(b->open + b->open_count, 0, (want - b->open_count) * sizeof(*b->open));
		b->open_count = want;
	}
	return &b->open[fault];
}

static void window_event(struct builder *b, const struct event *ev)
{
	struct open *o;

	if (ev->fault < 0 || ev->fault > 1 << 20)
		return;
	o = open_of(b, ev->fault);
	if (ev->kind == EV_ARMED) {
		if (o->depth++ == 0)
			o->since_ns = ev->t_ns;
	} else if (ev->kind == EV_HEALED && o->depth > 0) {
		if (--o->depth == 0)
			window_add(b, ev->fault, o->since_ns, ev->t_ns);
	}
}

static void windows_close(struct builder *b, int64_t at)
{
	for (size_t i = 0; i < b->open_count; i++)
		if (b->open[i].depth > 0)
			window_add(b, (int)i, b->open[i].since_ns,
				   at > b->open[i].since_ns ? at : INT64_MAX);
}

static int window_order(const void *a, const void *b)
{
	const struct fault_window *x = a, *y = b;

	return x->armed_ns < y->armed_ns ? -1 : x->armed_ns > y->armed_ns;
}

static size_t windows_merge(struct fault_window *w, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct fault_window *last = kept ? &w[kept - 1] : NULL;

		if (!last || w[i].armed_ns > last->healed_ns) {
			w[kept++] = w[i];
			continue;
		}
		if (w[i].fault != last->fault)
			last->fault = -1;
		if (w[i].healed_ns > last->healed_ns)
			last->healed_ns = w[i].healed_ns;
	}
	return kept;
}

size_t judge_windows(const struct ledgers *l, struct fault_window **ret)
{
	struct builder b = {0};
	int64_t heal_ns = INT64_MAX;

	for (size_t i = 0; i < l->event_count; i++) {
		const struct event *ev = &l->event[i];

		window_event(&b, ev);
		if (ev->kind == EV_PHASE && ev->object && strcmp(ev->object, "heal") == 0)
			heal_ns = ev->t_ns;
	}
	windows_close(&b, heal_ns);
	free(b.open);
	if (b.count)
		qsort(b.at, b.count, sizeof(*b.at), window_order);
	*ret = b.at;
	return windows_merge(b.at, b.count);
}

enum during during_of(const struct fault_window *w, size_t n, int64_t from, int64_t to)
{
	size_t lo = 0, hi = n;

	while (lo < hi) { /* first window that ends at or after `from` */
		size_t mid = lo + (hi - lo) / 2;

		if (w[mid].healed_ns < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < n && w[lo].armed_ns <= to)
		return DURING_FAULT;
	return lo == 0 ? DURING_HEALTHY : DURING_RECOVERY;
}

int judge_phase(const struct fault_window *w, size_t n, int64_t from, int64_t to)
{
	enum during d = during_of(w, n, from, to);

	return d == DURING_HEALTHY ? 0 : d == DURING_FAULT ? 1 : 2;
}
