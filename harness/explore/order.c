/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/order.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "explore/baseline.h"
#include "faults/power.h"

#define CRASH_STATE_NS (40 * NS_PER_MS) /* to try one, where nothing else runs */
#define CRASH_STATES_MOST 100000

struct order {
	const struct suite_opts *o;
	char **load;	     /* owned; of each experiment its good day, whatever the seed; NULL */
	int64_t *number;     /* owned; in the order in which they begin; NULL: as numbered */
	int64_t next, total; /* total INT64_MAX: until one fails */
};

/* ---- how long ---- */

static double shop_s(const struct shoppers *s)
{
	const struct arrivals *a = &s->arrivals;
	int64_t open_ns = shoppers_open_ns(s);

	if (open_ns >= 0)
		return (double)open_ns / NS_PER_S;
	if (a->kind == ARRIVALS_BURST)
		return (double)(s->count / a->burst) * (double)a->every_ns / NS_PER_S;
	return (double)s->count / a->per_s;
}

int64_t order_expected_ns(const struct experiment *x)
{
	double ns = shop_s(&x->shoppers) * 1000 / (double)x->shoppers.pace_milli * NS_PER_S;
	struct power_explore p;

	for (size_t i = 0; i < x->faults_count; i++) {
		if (!power_explores(&x->faults[i], &p))
			continue;
		ns += (double)(p.states < CRASH_STATES_MOST ? p.states : CRASH_STATES_MOST) *
		      CRASH_STATE_NS;
		ns += (double)p.again * CRASH_STATE_NS;
	}
	return ns < 1e18 ? (int64_t)ns : (int64_t)1e18;
}

/* ---- the good days ---- */

static const struct plan_entry *entry_of(const struct order *r, const struct job *j)
{
	return &r->o->plan->at[j->experiment];
}

static int64_t good_seed(const struct order *r, const struct job *j)
{
	const struct experiment *x = entry_of(r, j)->experiment;

	return x->baseline == BASELINE_ONCE ? suite_base_seed(r->o, x) : j->seed;
}

static bool same_good_day(const struct order *r, const struct job *a, const struct job *b)
{
	const char *x = r->load[a->experiment], *y = r->load[b->experiment];

	return x && y && str_eq(x, y) && good_seed(r, a) == good_seed(r, b);
}

static bool is_known(const struct order *r, const struct job *j)
{
	const struct plan_entry *e = entry_of(r, j);
	cleanup_free char *key = baseline_key(e->experiment, e->target, good_seed(r, j));
	struct baseline good;

	return baseline_find(r->o->out, key, &good);
}

/* Is somebody running its good day? */
static bool must_wait(const struct order *r, const struct job *j,
		      const struct job *const *under_way, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (same_good_day(r, j, under_way[i]))
			return !is_known(r, j);
	return false;
}

/* ---- the order ---- */

static struct job job_numbered(const struct order *r, int64_t number)
{
	const struct suite_opts *o = r->o;
	int64_t count = (int64_t)o->plan->count;
	struct job j = {.number = number};
	int64_t nth;

	j.experiment = o->until_fail ? number % count : number / o->seeds;
	nth = o->until_fail ? number / count : number % o->seeds;
	j.seed = suite_base_seed(o, o->plan->at[j.experiment].experiment) + nth;
	return j;
}

struct long_trial {
	int64_t number, ns;
};

static int longest_first(const void *a, const void *b)
{
	const struct long_trial *x = a, *y = b;

	if (x->ns != y->ns)
		return (x->ns < y->ns) - (x->ns > y->ns);
	return (x->number > y->number) - (x->number < y->number);
}

static void sort_numbers(struct order *r)
{
	struct long_trial *all = xcalloc((size_t)r->total + 1, sizeof(*all));

	r->number = xcalloc((size_t)r->total + 1, sizeof(*r->number));
	for (int64_t i = 0; i < r->total; i++) {
		struct job j = job_numbered(r, i);

		all[i].number = i;
		all[i].ns = order_expected_ns(entry_of(r, &j)->experiment);
	}
	qsort(all, (size_t)r->total, sizeof(*all), longest_first);
	for (int64_t i = 0; i < r->total; i++)
		r->number[i] = all[i].number;
	free(all);
}

struct order *order_new(const struct suite_opts *o)
{
	struct order *r = xcalloc(1, sizeof(*r));

	r->o = o;
	r->total = (int64_t)o->plan->count * o->seeds;
	if (o->until_fail || o->jobs <= 1)
		return r;
	r->load = xcalloc(o->plan->count + 1, sizeof(*r->load));
	for (size_t i = 0; i < o->plan->count; i++) {
		const struct plan_entry *e = &o->plan->at[i];

		if (e->experiment->baseline != BASELINE_NEVER)
			r->load[i] = baseline_key(e->experiment, e->target, 0);
	}
	sort_numbers(r);
	return r;
}

void order_free(struct order *r)
{
	for (size_t i = 0; r->load && i < r->o->plan->count; i++)
		free(r->load[i]);
	free(r->load);
	free(r->number);
	free(r);
}

/* The first from `next` on that need not wait, moved there; else the first. */
static void choose(struct order *r, const struct job *const *under_way, size_t count)
{
	for (int64_t i = r->next; i < r->total; i++) {
		int64_t number = r->number[i];
		struct job j = job_numbered(r, number);

		if (must_wait(r, &j, under_way, count))
			continue;
		for (; i > r->next; i--)
			r->number[i] = r->number[i - 1];
		r->number[i] = number;
		return;
	}
}

bool order_next(struct order *r, const struct job *const *under_way, size_t count, struct job *ret)
{
	if (r->next >= r->total)
		return false;
	if (r->number)
		choose(r, under_way, count);
	*ret = job_numbered(r, r->number ? r->number[r->next] : r->next);
	r->next++;
	return true;
}
