/* SPDX-License-Identifier: Apache-2.0 */
/* What the promises say of one state, and in which words. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "disk/oplog.h"
#include "judge/judge.h"
#include "trial/crashes_room.h"

#define NOTES_MAX 20   /* states told one by one, of each promise */

/* The promises that one node's books can be asked for by themselves. */
static const char *const promises[] = { "no-duplicate-sale", "no-lost-sale", "no-phantom-sale",
					"right-amount" };

static int64_t until_ns(const struct cut *c)
{
	return c->at.ops < history_count(c->h) ? history_op(c->h, c->at.ops)->end_ns : INT64_MAX;
}

void told_by(struct crashes *s)
{
	int64_t until = until_ns(&s->first);
	bool all = s->in->target->books.offline;

	memcpy(s->told, s->all.told, s->all.told_count * sizeof(*s->told));
	for (size_t i = 0; i < s->all.told_count; i++) {
		struct told *t = &s->told[i];

		if ((all || !t->offline) && s->in->epoch_ns + t->end_ns < until)
			continue;
		t->outcome = TOLD_UNKNOWN;
		t->acknowledged = false;
	}
}

/* ---- words ---- */

/* "operation 311 of 902 (write of store.db-wal), state 0" */
static void where_in(const struct cut *c, char *buf, size_t size)
{
	cleanup_free char *path = history_about(c->h, c->at.ops - 1);

	snprintf(buf, size, "operation %zu of %zu (%s of %s), state %" PRIu64, c->at.ops,
		 history_count(c->h), log_kind_words(history_op(c->h, c->at.ops - 1)),
		 *path ? path : "its folder", c->at.nth);
}

/* "power cut at 12.420 s, behind operation 311 of 902 (write of store.db-wal), state 0" */
static void where(const struct crashes *s, char *buf, size_t size)
{
	const struct cut *c = &s->first;
	char in[160];
	int64_t at;

	if (c->at.ops) {
		at = history_op(c->h, c->at.ops - 1)->end_ns - s->in->epoch_ns;
		where_in(c, in, sizeof(in));
		snprintf(buf, size, "power cut at %" PRId64 ".%03" PRId64 " s, behind %s",
			 at / NS_PER_S, at % NS_PER_S / NS_PER_MS, in);
	} else {
		snprintf(buf, size, "power cut before the first operation");
	}
	if (!s->second.h)
		return;
	where_in(&s->second, in, sizeof(in)); /* never before the first: that is the first cut */
	snprintf(buf + strlen(buf), size - strlen(buf),
		 "; cut again while it recovered, behind %s", in);
}

/* Which of the cuts has lost what a sale wrote, and which write; NULL: neither. */
static const struct cut *lost_by(const struct crashes *s, const char *key, size_t *ret_op)
{
	const struct cut *c = s->second.h ? &s->second : &s->first;

	*ret_op = crash_lost_text(c->state, key);
	return *ret_op == CRASH_UNWRITTEN || *ret_op == CRASH_KEPT ? NULL : c;
}

/* What became of its data, when a sale is gone. */
static void gone(const struct crashes *s, const char *key, char *buf, size_t size)
{
	cleanup_free char *path = NULL, *who = NULL;
	const struct cut *c;
	size_t op;
	double at = 0;

	for (size_t k = 0; k < s->all.told_count; k++)
		if (str_eq(s->all.told[k].key, key))
			at = (double)s->all.told[k].end_ns / 1e9;
	snprintf(buf, size, "acknowledged at %.3f s; ", at);
	c = lost_by(s, key, &op);
	if (!c && op == CRASH_UNWRITTEN && !s->second.h)
		snprintf(buf, size, "acknowledged at %.3f s, and no write had it yet; ", at);
	if (!c)
		return;
	path = history_about(c->h, op);
	who = history_who(c->h, op);
	snprintf(buf, size, "acknowledged at %.3f s, and the write%s%s to %s at %.3f s%s that has "
		 "it %s; ", at, *who ? " of " : "", who, path,
		 (double)(history_op(c->h, op)->end_ns - s->in->epoch_ns) / 1e9,
		 s->second.h ? " (its recovery)" : "",
		 crash_fate(c->state, op));
}

static struct crash_promise *promise(struct crash_facts *f, const char *check)
{
	struct crash_promise *p;

	for (size_t i = 0; i < f->promises; i++)
		if (str_eq(f->promise[i].check, check))
			return &f->promise[i];
	if (f->promises == CRASH_CHECKS)
		return NULL;
	p = &f->promise[f->promises++];
	snprintf(p->check, sizeof(p->check), "%s", check);
	return p;
}

void crashes_broken(struct crashes *s, const char *check, const char *key, const char *what)
{
	struct crash_promise *p = promise(s->facts, check);
	int64_t nth = p ? s->second.h ? p->again++ : p->states++ : 0;
	char place[400], did[760], why[240] = "";

	if (!p)
		return;
	where(s, place, sizeof(place));
	if (key && str_eq(check, "no-lost-sale"))
		gone(s, key, why, sizeof(why));
	snprintf(did, sizeof(did), "%.330s: %s%.180s", place, why, what);
	if (p->witnesses < CRASH_WITNESSES) {
		snprintf(p->witness[p->witnesses].key, sizeof(p->witness[0].key), "%s",
			 key ? key : "");
		snprintf(p->witness[p->witnesses++].what, sizeof(p->witness[0].what), "%s", did);
	}
	if (nth < NOTES_MAX)
		ledger_event(s->in->ledger, (struct event){ .kind = EV_NOTE, .fault = s->fault,
			.node = s->node, .object = key ? key : check, .did = did });
}

/* ---- the promises ---- */

static bool asked(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(promises); i++)
		if (str_eq(promises[i], name))
			return true;
	return false;
}

bool crashes_ask(struct crashes *s, struct book *book, size_t count)
{
	struct ledgers l = s->all;
	struct sales sales;
	struct trial_facts facts = { .books_read = true, .has_start_books = true };
	struct judge_in in = { .ledgers = &l, .sales = &sales, .experiment = s->in->experiment,
			       .target = s->in->target, .facts = &facts, .dir = s->in->dir };
	bool well = true;

	l.told = s->told;
	l.book = book;
	l.book_count = count;
	if (sales_join(&sales, &l) < 0)
		return true;
	for (size_t i = 0; i < s->in->experiment->checks_count; i++) {
		const struct conf_item *item = &s->in->experiment->checks[i];
		const struct check_ops *ops = item->kind->ops;
		struct judgement j = { 0 };

		if (!asked(ops->name))
			continue;
		ops->judge(&in, item->opts, &j);
		if (j.verdict == VIOLATED)
			crashes_broken(s, ops->name, j.witnesses ? j.witness[0].key : NULL,
				       j.witnesses ? j.witness[0].what : j.why);
		well &= j.verdict != VIOLATED;
		judgement_done(&j);
	}
	sales_done(&sales);
	return well;
}

