/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. After the shop has closed and all has stopped:
 *
 *   list    at every point of the log (before the first operation, behind each) the corners of
 *           what a cut may leave and some draws; a state that several points can leave is tried
 *           once, for the last of them, when most had been acknowledged
 *   choose  as many as were asked for, evenly over the day
 *   try     each: onto the node's disk, its services started until they are ready, killed, the
 *           books read, and the promises of the experiment asked of them: what had been told by
 *           then is told, what was told later was under way (unknown), what was sold offline is in
 *           somebody else's books (unknown too)
 *
 * "By then" is until the next operation of the log was done: whoever waits for that one has been
 * told nothing, and that it left no trace is legal.
 */
#include "trial/crashes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/draw.h"
#include "base/err.h"
#include "base/str.h"
#include "disk/disk.h"
#include "disk/durable.h"
#include "disk/oplog.h"
#include "faults/drive.h"
#include "faults/power.h"
#include "judge/judge.h"
#include "ledger/arena.h"
#include "stage/links.h"
#include "stage/stage.h"
#include "trial/books.h"

#define DRAWS 4        /* of each point, beside its corners */
#define LOOK 20        /* states looked at for one that is tried, at most */
#define NOTES_MAX 20   /* states told one by one */

/* The promises that one node's books can be asked for by themselves. */
static const char *const promises[] = { "no-duplicate-sale", "no-lost-sale", "no-phantom-sale",
					"right-amount" };

struct candidate {
	struct crash_at at;
	uint64_t digest;
};

struct crashes {
	const struct crashes_in *in;
	int fault;             /* index in the experiment */
	const char *node;
	struct history *h;     /* owned */
	struct candidate *at;  /* owned; by point */
	size_t count;
	struct ledgers all;    /* of the whole day */
	struct told *told;     /* owned: as of one state */
	struct crash_facts *facts;
	const struct crash *state; /* the one that is tried */
};

bool crashes_wanted(const struct experiment *x)
{
	struct power_explore p;

	for (size_t i = 0; i < x->faults_count; i++)
		if (power_explores(&x->faults[i], &p))
			return true;
	return false;
}

/* ---- the list ---- */

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

static int list_point(struct crashes *s, int model, size_t ops, struct err *e)
{
	struct draw d = { .seed = (uint64_t)s->in->seed, .name = "power.cut.explore",
			  .object = ops };
	bool certain = false;

	for (uint64_t nth = 0; nth < CRASH_DRAWN + DRAWS && !certain; nth++) {
		struct candidate *c;
		struct crash *crash;
		int err;

		if ((s->count & (s->count - 1)) == 0)
			s->at = xrealloc(s->at, (s->count ? s->count * 2 : 4) * sizeof(*s->at));
		c = &s->at[s->count++];
		c->at = (struct crash_at){ .model = model, .ops = ops, .seed = draw_u64(d),
					   .nth = nth };
		err = crash_new(&crash, s->h, &c->at, e);
		if (err < 0)
			return err;
		c->digest = crash_digest(crash);
		certain = nth == CRASH_NOTHING && crash_certain(crash);
		crash_free(crash);
	}
	return 0;
}

/* At every point, or at as many, evenly, as are enough for `most` states. */
static int list(struct crashes *s, int model, int64_t most, struct err *e)
{
	size_t all = history_count(s->h) + 1, points = all, n = 0;
	int err = 0;

	if (most < (int64_t)(all * (CRASH_DRAWN + DRAWS)) / LOOK)
		points = (size_t)(most * LOOK / (CRASH_DRAWN + DRAWS)) + 1;
	for (size_t i = 0; err == 0 && i < points && !*s->in->stop; i++)
		err = list_point(s, model, points == all ? i : (i + 1) * all / points - 1, e);
	qsort(s->at, s->count, sizeof(*s->at), by_digest);
	for (size_t i = 0; i < s->count; i++) /* of equal ones the last, at the latest point */
		if (i + 1 == s->count || s->at[i + 1].digest != s->at[i].digest)
			s->at[n++] = s->at[i];
	s->count = n;
	qsort(s->at, s->count, sizeof(*s->at), by_point);
	s->facts->of += (int64_t)n;
	s->facts->points += (int64_t)points;
	return err;
}

/* ---- one state ---- */

static int64_t until_ns(const struct crashes *s, const struct candidate *c)
{
	return c->at.ops < history_count(s->h) ? history_op(s->h, c->at.ops)->end_ns : INT64_MAX;
}

/* What had been told by then. */
static void told_until(struct crashes *s, int64_t until)
{
	memcpy(s->told, s->all.told, s->all.told_count * sizeof(*s->told));
	for (size_t i = 0; i < s->all.told_count; i++) {
		struct told *t = &s->told[i];

		if (!t->offline && s->in->epoch_ns + t->end_ns < until)
			continue;
		t->outcome = TOLD_UNKNOWN;
		t->acknowledged = false;
	}
}

/** struct rows - the books of one state. */
struct rows {
	struct book *at;       /* owned */
	size_t count;
	struct arena *arena;   /* owned */
};

static const char *keep(struct arena *a, const char *text)
{
	return text ? arena_strn(a, text, strlen(text)) : NULL;
}

static void on_row(void *arg, const struct book *b)
{
	struct rows *r = arg;
	struct book *to;

	if ((r->count & (r->count - 1)) == 0)
		r->at = xrealloc(r->at, (r->count ? r->count * 2 : 4) * sizeof(*r->at));
	to = &r->at[r->count++];
	*to = *b;
	to->key = keep(r->arena, b->key);
	to->currency = keep(r->arena, b->currency);
	to->receipt = keep(r->arena, b->receipt);
	to->series = keep(r->arena, b->series);
	to->lane = keep(r->arena, b->lane);
	to->state = keep(r->arena, b->state);
	to->tender = keep(r->arena, b->tender);
	to->sku = keep(r->arena, b->sku);
	to->time = keep(r->arena, b->time);
}

/* "at 12.420 s, behind the 311th of 902 operations (write of store.db-wal)" */
static void where(const struct crashes *s, const struct candidate *c, char *buf, size_t size)
{
	const struct log_rec *r = c->at.ops ? history_op(s->h, c->at.ops - 1) : NULL;
	int64_t at = r ? r->end_ns - s->in->epoch_ns : 0;
	cleanup_free char *path = r ? history_about(s->h, c->at.ops - 1) : NULL;

	if (r)
		snprintf(buf, size, "power cut at %" PRId64 ".%03" PRId64 " s, behind operation "
			 "%zu of %zu (%s of %s), state %" PRIu64, at / NS_PER_S,
			 at % NS_PER_S / NS_PER_MS, c->at.ops, history_count(s->h),
			 log_kind_words(r), *path ? path : "its folder", c->at.nth);
	else
		snprintf(buf, size, "power cut before the first operation");
}

/* What became of its data, when a sale is gone. */
static void gone(const struct crashes *s, const char *key, char *buf, size_t size)
{
	size_t i = crash_lost_text(s->state, key);
	cleanup_free char *path = NULL;
	double at = 0;

	for (size_t k = 0; k < s->all.told_count; k++)
		if (str_eq(s->all.told[k].key, key))
			at = (double)s->all.told[k].end_ns / 1e9;
	snprintf(buf, size, "acknowledged at %.3f s; ", at);
	if (i == CRASH_UNWRITTEN)
		snprintf(buf, size, "acknowledged at %.3f s, and no write had it yet; ", at);
	if (i == CRASH_UNWRITTEN || i == CRASH_KEPT)
		return;
	path = history_about(s->h, i);
	snprintf(buf, size, "acknowledged at %.3f s, and the write to %s at %.3f s that has it "
		 "%s; ", at, path,
		 (double)(history_op(s->h, i)->end_ns - s->in->epoch_ns) / 1e9,
		 crash_nameless(s->state, i) ? "is in a file whose name was never synced"
					     : "was never synced");
}

static void broken_promise(struct crashes *s, const struct candidate *c, const char *check,
			   const char *key, const char *what)
{
	struct crash_facts *f = s->facts;
	struct crash_promise *p = NULL;
	char place[256], did[600], why[200] = "";

	for (size_t i = 0; i < f->promises && !p; i++)
		if (str_eq(f->promise[i].check, check))
			p = &f->promise[i];
	if (!p && f->promises == CRASH_CHECKS)
		return;
	if (!p) {
		p = &f->promise[f->promises++];
		snprintf(p->check, sizeof(p->check), "%s", check);
	}
	where(s, c, place, sizeof(place));
	if (key && str_eq(check, "no-lost-sale"))
		gone(s, key, why, sizeof(why));
	snprintf(did, sizeof(did), "%.180s: %s%.200s", place, why, what);
	if (p->states < CRASH_WITNESSES) {
		snprintf(p->witness[p->states].key, sizeof(p->witness[0].key), "%s",
			 key ? key : "");
		snprintf(p->witness[p->states].what, sizeof(p->witness[0].what), "%s", did);
	}
	if (p->states++ < NOTES_MAX)
		ledger_event(s->in->ledger, (struct event){ .kind = EV_NOTE, .fault = s->fault,
			.node = s->node, .object = key ? key : check, .did = did });
}

static bool asked(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(promises); i++)
		if (str_eq(promises[i], name))
			return true;
	return false;
}

/* Does every promise hold on these books? */
static bool ask(struct crashes *s, const struct candidate *c, const struct rows *rows)
{
	struct ledgers l = s->all;
	struct sales sales;
	struct trial_facts facts = { .books_read = true, .has_start_books = true };
	struct judge_in in = { .ledgers = &l, .sales = &sales, .experiment = s->in->experiment,
			       .target = s->in->target, .facts = &facts, .dir = s->in->dir };
	bool well = true;

	l.told = s->told;
	l.book = rows->at;
	l.book_count = rows->count;
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
			broken_promise(s, c, ops->name, j.witnesses ? j.witness[0].key : NULL,
				       j.witnesses ? j.witness[0].what : j.why);
		well &= j.verdict != VIOLATED;
		judgement_done(&j);
	}
	sales_done(&sales);
	return well;
}

/* A server's books are read while it runs, files once nothing runs. 0, or why not. */
static int read_state(struct crashes *s, const struct crash *crash, struct rows *rows,
		      struct err *e)
{
	bool by_file = s->in->target->books.kind == BOOKS_SQLITE;
	struct err mine = { 0 };
	int err = stage_cell_start(s->in->stage, s->node, crash, e), stopped;

	if (err == 0 && !by_file)
		err = books_each(s->in->stage, s->in->target, false, on_row, rows, e);
	stopped = stage_cell_stop(s->in->stage, s->node, &mine);
	if (stopped < 0) {
		*e = mine;
		return -EPIPE;
	}
	if (err == 0 && by_file)
		err = books_each(s->in->stage, s->in->target, true, on_row, rows, e);
	return err;
}

static void keep_start(struct crashes *s, struct rows *rows)
{
	for (size_t i = 0; i < s->all.book_count; i++)
		if (s->all.book[i].start)
			on_row(rows, &s->all.book[i]);
}

static int try(struct crashes *s, const struct candidate *c, struct err *e)
{
	struct rows rows = { .arena = arena_new() };
	struct crash *crash;
	struct err why = { 0 };
	bool well = false;
	int err = crash_new(&crash, s->h, &c->at, e);

	if (err == 0) {
		told_until(s, until_ns(s, c));
		keep_start(s, &rows);
		s->state = crash;
		err = read_state(s, crash, &rows, &why);
		s->facts->tried++;
		if (err == 0)
			well = ask(s, c, &rows);
		else if (err == -EPIPE || stage_alive(s->in->stage, &why) < 0)
			err = (*e = why, -EPIPE);
		else
			err = (broken_promise(s, c, "boot", NULL, why.msg), 0);
		s->facts->bad += !well;
		crash_free(crash);
	}
	free(rows.at);
	arena_free(rows.arena);
	return err;
}

/* ---- all of them ---- */

static int try_all(struct crashes *s, int64_t most, struct err *e)
{
	int64_t n = (int64_t)s->count < most ? (int64_t)s->count : most;
	char did[128];
	int err = 0;

	for (int64_t i = 0; err == 0 && i < n && !*s->in->stop; i++)
		err = try(s, &s->at[(size_t)(i * (int64_t)s->count / n)], e);
	snprintf(did, sizeof(did), "%" PRId64 " of %" PRId64 " states that a power cut could have "
		 "left were tried, at %" PRId64 " points; %" PRId64 " broke a promise",
		 s->facts->tried, s->facts->of, s->facts->points, s->facts->bad);
	if (s->facts->tried)
		ledger_event(s->in->ledger, (struct event){ .kind = EV_FIRED, .fault = s->fault,
			.hit = s->facts->tried, .node = s->node, .object = s->node, .did = did });
	return err;
}

static int explore(struct crashes *s, const struct power_explore *p, struct err *e)
{
	struct disk *disk = stage_disk(s->in->stage, s->node);
	size_t bytes = 0;
	const void *log = disk ? disk_log(disk, &bytes) : NULL;
	int err = log ? history_new(&s->h, log, bytes, e) : err_set(e, ENOENT, "it has no log");

	if (err == 0)
		err = stage_cell_open(s->in->stage, s->node, e);
	if (err == 0)
		err = list(s, p->model, p->states, e);
	if (err == 0)
		err = try_all(s, p->states, e);
	history_free(s->h);
	free(s->at);
	s->h = NULL;
	s->at = NULL;
	s->count = 0;
	return err < 0 ? err_wrap(e, "the crash states of node %s", s->node) : 0;
}

static const char *node_of(const struct target *t, const struct drive_opts *o)
{
	for (size_t i = 0; i < t->nodes_count; i++)
		if (drive_meant(o, t->nodes[i].name))
			return t->nodes[i].name;
	return NULL;
}

int crashes_try(const struct crashes_in *in, struct crash_facts **ret, struct err *e)
{
	struct crashes s = { .in = in };
	int64_t began = clock_now();
	int err;

	*ret = s.facts = xcalloc(1, sizeof(*s.facts));
	ledger_flush(in->ledger);
	err = ledgers_load(&s.all, in->dir, e);
	if (err < 0)
		return err;
	s.told = xcalloc(s.all.told_count + 1, sizeof(*s.told));
	for (size_t i = 0; err == 0 && i < in->experiment->faults_count; i++) {
		struct power_explore p;

		s.fault = (int)i;
		if (!power_explores(&in->experiment->faults[i], &p))
			continue;
		s.node = node_of(in->target, p.drive);
		err = explore(&s, &p, e);
		break; /* the node is a cell now */
	}
	s.facts->wall_ns = clock_now() - began;
	free(s.told);
	ledgers_done(&s.all);
	return err;
}
