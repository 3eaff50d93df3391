/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Each arming opens a window of its fault, each heal
 * closes one; activations of one fault may overlap, so the fault is in effect
 * from the first arming until as many heals were seen. What is still open at
 * the end lasts to the phase event `heal`, or for ever. Windows of all faults
 * are then merged into disjoint ones.
 *
 * One device is in order sooner: when it was put right (`back:`) and the POS has
 * printed on it again, if the fault does nothing to it after that.
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
		int64_t again_ns; /* the device is in use again: since when */
	} * open; /* by fault index */
	size_t open_count;
	const struct ledgers *l;
	const char *device; /* NULL: all that there is */
	int64_t unused_ns;  /* it is in order, and nobody has used it since */
	int unused_fault;   /* whose doing that is */
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
		for (; b->open_count < want; b->open_count++)
			b->open[b->open_count] = (struct open){.again_ns = INT64_MAX};
	}
	return &b->open[fault];
}

static int64_t sooner(int64_t x, int64_t y)
{
	return x < y ? x : y;
}

static int64_t printed_after(const struct builder *b, int64_t t_ns)
{
	int64_t ret = INT64_MAX;

	for (size_t i = 0; i < b->l->paper_count; i++) {
		const struct paper_rec *p = &b->l->paper[i];

		if (p->cut && p->t_ns > t_ns && str_eq(p->device, b->device))
			ret = sooner(ret, p->t_ns);
	}
	return ret;
}

static void window_device(struct builder *b, struct open *o, const struct event *ev)
{
	bool mine = str_eq(ev->object, b->device);

	if (ev->kind == EV_ARMED || (ev->kind == EV_FIRED && mine)) {
		o->again_ns = INT64_MAX;
		if (b->unused_fault == ev->fault)
			b->unused_ns = INT64_MAX;
	} else if (ev->kind == EV_NOTE && mine && str_eq(ev->did, EVENT_BACK)) {
		o->again_ns = printed_after(b, ev->t_ns);
		b->unused_ns = o->again_ns == INT64_MAX ? ev->t_ns : INT64_MAX;
		b->unused_fault = ev->fault;
	}
}

static void window_event(struct builder *b, const struct event *ev)
{
	struct open *o;

	if (ev->fault < 0 || ev->fault > 1 << 20)
		return;
	o = open_of(b, ev->fault);
	if (b->device)
		window_device(b, o, ev);
	if (ev->kind == EV_ARMED) {
		if (o->depth++ == 0)
			o->since_ns = ev->t_ns;
	} else if (ev->kind == EV_HEALED && o->depth > 0) {
		if (--o->depth == 0)
			window_add(b, ev->fault, o->since_ns, sooner(ev->t_ns, o->again_ns));
	}
}

static void windows_close(struct builder *b, int64_t at)
{
	for (size_t i = 0; i < b->open_count; i++)
		if (b->open[i].depth > 0)
			window_add(b, (int)i, b->open[i].since_ns,
				   sooner(at > b->open[i].since_ns ? at : INT64_MAX,
					  b->open[i].again_ns));
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

static size_t windows(struct builder *b, struct fault_window **ret)
{
	const struct ledgers *l = b->l;
	int64_t heal_ns = INT64_MAX;

	for (size_t i = 0; i < l->event_count; i++) {
		const struct event *ev = &l->event[i];

		window_event(b, ev);
		if (ev->kind == EV_PHASE && ev->object && strcmp(ev->object, "heal") == 0)
			heal_ns = ev->t_ns;
	}
	windows_close(b, heal_ns);
	free(b->open);
	if (b->count)
		qsort(b->at, b->count, sizeof(*b->at), window_order);
	*ret = b->at;
	return windows_merge(b->at, b->count);
}

size_t judge_windows(const struct ledgers *l, struct fault_window **ret)
{
	return windows(&(struct builder){.l = l}, ret);
}

/* ---- one device ---- */

void device_days(struct device_days *ret, const struct judge_in *in)
{
	const struct target *t = in->target;

	*ret = (struct device_days){.at = xcalloc(t->nodes_count + 1, sizeof(*ret->at))};
	for (size_t i = 0; i < t->nodes_count; i++) {
		const struct node *n = &t->nodes[i];
		struct builder b = {.l = in->ledgers, .device = n->name, .unused_ns = INT64_MAX};
		struct device_day *day = &ret->at[ret->count];

		if (n->device.kind != DEVICE_ESCPOS)
			continue;
		ret->count++;
		day->lane = n->stands_at;
		day->windows_count = windows(&b, &day->windows);
		day->unused_ns = b.unused_ns;
	}
}

void device_days_done(struct device_days *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->at[i].windows);
	free(d->at);
}

enum missing device_missing(struct device_days *d, const struct told *t)
{
	enum missing ret = MISSING;

	for (size_t i = 0; i < d->count; i++) {
		const struct device_day *day = &d->at[i];

		if (!str_eq(day->lane, t->lane) ||
		    during_of(day->windows, day->windows_count, t->start_ns, t->end_ns) !=
			    DURING_FAULT)
			continue;
		if (t->start_ns <= day->unused_ns)
			return MISSING_EXCUSED;
		ret = MISSING_UNUSED;
	}
	d->unused += ret == MISSING_UNUSED;
	return ret;
}

void device_unused(const struct device_days *d, struct judgement *j)
{
	if (d->unused && j->verdict == HOLDS && !j->violations)
		check_inconclusive(j, "%zu sale%s began when the printer was in order again, and "
				   "nothing was printed any more: give the fault a `for:` to have "
				   "them judged", d->unused, plural((int64_t)d->unused));
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
