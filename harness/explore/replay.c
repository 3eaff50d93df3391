/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Did the same things happen? Fired events of both trials are sorted by
 * (fault, node, object, hit) and walked side by side.
 */
#include "explore/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "ledger/ledger.h"

#define LINES_MAX 20

struct decisions {
	const struct event **at;
	size_t count;
};

static int text_order(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int decision_order(const struct event *a, const struct event *b)
{
	int r = (a->fault > b->fault) - (a->fault < b->fault);

	if (r == 0)
		r = text_order(a->node, b->node);
	if (r == 0)
		r = text_order(a->object, b->object);
	if (r == 0)
		r = (a->hit > b->hit) - (a->hit < b->hit);
	return r;
}

static int by_decision(const void *a, const void *b)
{
	return decision_order(*(const struct event *const *)a, *(const struct event *const *)b);
}

static struct decisions decisions_of(const struct ledgers *l)
{
	struct decisions d = {.at = xcalloc(l->event_count + 1, sizeof(*d.at))};
	size_t i;

	for (i = 0; i < l->event_count; i++) {
		if (l->event[i].kind == EV_FIRED)
			d.at[d.count++] = &l->event[i];
	}
	qsort(d.at, d.count, sizeof(*d.at), by_decision);
	return d;
}

static void line(struct buf *out, size_t n, const char *what, const struct event *ev,
		 const char *did)
{
	if (n > LINES_MAX)
		return;
	if (n == LINES_MAX) {
		buf_adds(out, "  (and more)\n");
		return;
	}
	buf_printf(out, "  faults[%d], %s %s, hit %lld: %s%s\n", ev->fault,
		   ev->node ? ev->node : "-", ev->object ? ev->object : "-", (long long)ev->hit,
		   what, did ? did : "");
}

static void changed(struct buf *out, size_t n, const struct event *a, const struct event *b)
{
	struct buf did = {0};

	buf_printf(&did, "%s, now %s", a->did ? a->did : "-", b->did ? b->did : "-");
	line(out, n, "then ", a, did.data);
	buf_done(&did);
}

static void walk(const struct decisions *a, const struct decisions *b, struct replay_diff *ret,
		 struct buf *out)
{
	size_t i = 0, k = 0, lines = 0;

	while (i < a->count || k < b->count) {
		int order = i == a->count   ? 1
			    : k == b->count ? -1
					    : decision_order(a->at[i], b->at[k]);

		if (order < 0) {
			ret->only_then++;
			line(out, lines++, "only then, ", a->at[i], a->at[i]->did);
			i++;
		} else if (order > 0) {
			ret->only_now++;
			line(out, lines++, "only now, ", b->at[k], b->at[k]->did);
			k++;
		} else {
			if (str_eq(a->at[i]->did, b->at[k]->did)) {
				ret->same++;
			} else {
				ret->changed++;
				changed(out, lines++, a->at[i], b->at[k]);
			}
			i++;
			k++;
		}
	}
}

int replay_compare(const char *then_dir, const char *now_dir, struct replay_diff *ret,
		   struct buf *out, struct err *e)
{
	struct ledgers then = {0}, now = {0};
	struct decisions a, b;
	int r = ledgers_load(&then, then_dir, e);

	if (r == 0)
		r = ledgers_load(&now, now_dir, e);
	if (r == 0) {
		a = decisions_of(&then);
		b = decisions_of(&now);
		walk(&a, &b, ret, out);
		free(a.at);
		free(b.at);
	}
	ledgers_done(&then);
	ledgers_done(&now);
	return r;
}
