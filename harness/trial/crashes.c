/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. After the shop has closed and all has stopped:
 *
 *   list    at every point of the log (before the first operation, behind each) the corners of
 *           what a cut may leave and some draws; a state that several points can leave is tried
 *           once, for the last of them, when most had been acknowledged
 *   choose  as many as were asked for, evenly over the day, and its end with all lost that may be
 *   try     each: onto the node's disk, its services started until they are ready, killed, the
 *           books read, and the promises of the experiment asked of them: what had been told by
 *           then is told, what was told later was under way (unknown), what was sold offline is in
 *           somebody else's books (unknown too), unless the target file says otherwise
 *
 *   again   `again:`: from such a state that held, the services are started on a disk that keeps a
 *           log, and all of this is done with that log: what a second cut leaves (crashes_again.c)
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

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "disk/disk.h"
#include "faults/drive.h"
#include "faults/power.h"
#include "judge/judge.h"
#include "ledger/arena.h"
#include "stage/links.h"
#include "stage/stage.h"
#include "trial/books.h"
#include "trial/crashes_room.h"

bool crashes_wanted(const struct experiment *x)
{
	struct power_explore p;

	for (size_t i = 0; i < x->faults_count; i++)
		if (power_explores(&x->faults[i], &p))
			return true;
	return false;
}

/* ---- one state ---- */

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

int crashes_try_state(struct crashes *s, const struct crash *c, bool *ret_well, struct err *e)
{
	struct rows rows = { .arena = arena_new() };
	struct err why = { 0 };
	int err;

	*ret_well = false;
	told_by(s);
	keep_start(s, &rows);
	err = read_state(s, c, &rows, &why);
	if (err == 0)
		*ret_well = crashes_ask(s, rows.at, rows.count);
	else if (err == -EPIPE || stage_alive(s->in->stage, &why) < 0)
		err = (*e = why, -EPIPE);
	else
		err = (crashes_broken(s, "boot", NULL, why.msg), 0);
	free(rows.at);
	arena_free(rows.arena);
	return err;
}

static int try(struct crashes *s, struct history *h, struct candidate *c, struct err *e)
{
	struct crash *crash;
	int err = crash_new(&crash, h, &c->at, e);

	if (err < 0)
		return err;
	s->first = (struct cut){ .h = h, .at = c->at, .state = crash };
	err = crashes_try_state(s, crash, &c->held, e);
	s->facts->tried++;
	s->facts->bad += !c->held;
	crash_free(crash);
	return err;
}

/* ---- all of them ---- */

static void tell_all(const struct crashes *s)
{
	const struct crash_facts *f = s->facts;
	char did[300];

	if (!f->tried)
		return;
	snprintf(did, sizeof(did), "%" PRId64 " of %" PRId64 " states that a power cut could have "
		 "left were tried, at %" PRId64 " points; %" PRId64 " broke a promise", f->tried,
		 f->of, f->points, f->bad);
	if (f->recoveries)
		snprintf(did + strlen(did), sizeof(did) - strlen(did), "; of %" PRId64
			 " recoveries from such a state, %" PRId64 " of %" PRId64 " states that "
			 "a second cut could have left; %" PRId64 " broke a promise",
			 f->recoveries, f->again_tried, f->again_of, f->again_bad);
	ledger_event(s->in->ledger, (struct event){ .kind = EV_FIRED, .fault = s->fault,
		.hit = f->tried + f->again_tried, .node = s->node, .object = s->node, .did = did });
}

/* Number i of n: evenly, but for the last: the end of the day with all lost that may be. */
static size_t pick(const struct candidates *list, int64_t i, int64_t n)
{
	size_t count = list->count, k = count - 1, even = (size_t)(i * (int64_t)count / n);

	while (k > 0 && list->at[k].at.nth != CRASH_NOTHING)
		k--;
	return i == n - 1 && k > even ? k : even;
}

/* So many; then the second cuts of those that held. */
static int try_all(struct crashes *s, struct history *h, const struct power_explore *p,
		   struct candidates *list, struct err *e)
{
	int64_t count = (int64_t)list->count, n = count < p->states ? count : p->states;
	int err = 0;

	for (int64_t i = 0; err == 0 && i < n && !*s->in->stop; i++)
		err = try(s, h, &list->at[pick(list, i, n)], e);
	s->facts->again_asked = p->again;
	if (err == 0 && p->again)
		err = crashes_again(s, h, list, p->again, e);
	tell_all(s);
	return err;
}

static int explore_log(struct crashes *s, const struct power_explore *p,
		       const struct disk_log *log, struct err *e)
{
	struct candidates_of of = { .model = p->model, .seed = (uint64_t)s->in->seed,
				    .most = p->states, .based = true, .stop = s->in->stop };
	struct candidates list = { 0 };
	int err = history_new(&of.h, log->at, log->bytes, e);

	if (err == 0)
		err = candidates_list(&list, &of, e);
	s->facts->of = (int64_t)list.count;
	s->facts->points = (int64_t)list.points;
	if (err == 0)
		err = try_all(s, of.h, p, &list, e);
	candidates_done(&list);
	history_free(of.h);
	return err;
}

static int explore(struct crashes *s, const struct power_explore *p, struct err *e)
{
	struct disk *disk = stage_disk(s->in->stage, s->node);
	struct disk_log log = { 0 };
	int err = disk ? stage_cell_open(s->in->stage, s->node, e) : err_set(e, ENOENT, "no disk");

	if (err == 0)
		log = disk_log_take(disk);
	if (err == 0)
		err = log.at ? explore_log(s, p, &log, e) : err_set(e, ENOENT, "it has no log");
	disk_log_done(&log);
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
