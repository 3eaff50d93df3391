/* SPDX-License-Identifier: Apache-2.0 */
/* Which states of a history are worth trying: the corners and some draws of every point. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/draw.h"
#include "trial/crashes_room.h"

#define DRAWS 4        /* of each point, beside its corners */
#define LOOK 20        /* states looked at for one that is tried, at most */

static int by_digest(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->digest != y->digest)
		return x->digest < y->digest ? -1 : 1;
	if (x->at.ops != y->at.ops)
		return x->at.ops < y->at.ops ? -1 : 1;
	return x->at.nth < y->at.nth ? -1 : x->at.nth > y->at.nth;
}

static int by_point(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->at.ops != y->at.ops)
		return x->at.ops < y->at.ops ? -1 : 1;
	return x->at.nth < y->at.nth ? -1 : x->at.nth > y->at.nth;
}

static int add(struct candidates *c, const struct candidates_of *o, const struct crash_at *at,
	       bool *ret_certain, struct err *e)
{
	struct crash *crash;
	int err = crash_new(&crash, o->h, at, e);

	if (err < 0)
		return err;
	if ((c->count & (c->count - 1)) == 0)
		c->at = xrealloc(c->at, (c->count ? c->count * 2 : 4) * sizeof(*c->at));
	c->at[c->count++] = (struct candidate){ .at = *at, .digest = crash_digest(crash) };
	*ret_certain = at->nth == CRASH_NOTHING && crash_certain(crash);
	crash_free(crash);
	return 0;
}

static int list_point(struct candidates *c, const struct candidates_of *o, size_t ops,
		      struct err *e)
{
	struct draw d = { .seed = o->seed, .name = "power.cut.explore", .object = ops };
	bool certain = false;
	int err = 0;

	for (uint64_t nth = 0; err == 0 && nth < CRASH_DRAWN + DRAWS && !certain; nth++)
		err = add(c, o, &(struct crash_at){ .model = o->model, .ops = ops,
						    .seed = draw_u64(d), .nth = nth }, &certain, e);
	return err;
}

/* Of equal ones the last, at the latest point. */
static void distinct(struct candidates *c)
{
	size_t n = 0;

	qsort(c->at, c->count, sizeof(*c->at), by_digest);
	for (size_t i = 0; i < c->count; i++)
		if (i + 1 == c->count || c->at[i + 1].digest != c->at[i].digest)
			c->at[n++] = c->at[i];
	c->count = n;
}

static int drop_base(struct candidates *c, const struct candidates_of *o, struct err *e)
{
	struct candidates base = { 0 };
	bool certain;
	size_t n = 0;
	int err = add(&base, o, &(struct crash_at){ .model = o->model }, &certain, e);

	for (size_t i = 0; err == 0 && i < c->count; i++)
		if (c->at[i].digest != base.at[0].digest)
			c->at[n++] = c->at[i];
	c->count = err == 0 ? n : c->count;
	candidates_done(&base);
	return err;
}

/* At every point, or at as many, evenly, as are enough. */
int candidates_list(struct candidates *ret, const struct candidates_of *o, struct err *e)
{
	size_t all = history_count(o->h) + 1;
	int err = 0;

	*ret = (struct candidates){ .points = all };
	if (o->most < (int64_t)(all * (CRASH_DRAWN + DRAWS)) / LOOK)
		ret->points = (size_t)(o->most * LOOK / (CRASH_DRAWN + DRAWS)) + 1;
	for (size_t i = 0; err == 0 && i < ret->points && !*o->stop; i++)
		err = list_point(ret, o, ret->points == all ? i : (i + 1) * all / ret->points - 1,
				 e);
	distinct(ret);
	if (err == 0 && !o->based)
		err = drop_base(ret, o, e);
	qsort(ret->at, ret->count, sizeof(*ret->at), by_point);
	return err;
}

void candidates_done(struct candidates *c)
{
	free(c->at);
	*c = (struct candidates){ 0 };
}
