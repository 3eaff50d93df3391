/* SPDX-License-Identifier: Apache-2.0 */
#include "trial/settle.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/draw.h"
#include "base/err.h"
#include "base/loop.h"
#include "conf/experiment.h"
#include "conf/target.h"
#include "ledger/ledger.h"
#include "stage/stage.h"
#include "trial/books.h"
#include "trial/hosts.h"

#define POLL_FIRST_NS (50 * NS_PER_MS)
#define POLL_MAX_NS (500 * NS_PER_MS)
#define QUEUE_REST_NS (5 * NS_PER_S) /* the same, when the queue is known to be empty */
#define SERVICES_MAX 256

struct settle {
	const struct experiment *experiment;
	const struct target *target;
	const struct hosts *hosts;
	uint64_t *awaited; /* owned: open-addressing set of key hashes, 0 = free */
	size_t slots, count;
	bool unsure; /* not a day without trouble: what nobody waits for may yet be booked */
};

/* One look at the books. */
struct look {
	struct settle *settle;
	uint64_t digest;
	size_t found;
	bool readable, queue_known;
	int64_t queue;
	uint64_t *seen; /* owned: keys of this look, so that a double is counted once */
	size_t seen_slots;
};

static uint64_t key_hash(const char *key)
{
	uint64_t h = draw_object(key);

	return h ? h : 1;
}

/* Insert into an open-addressing set; false when it was there. The set is never full. */
static bool set_add(uint64_t *slots, size_t n, uint64_t h)
{
	size_t i = h & (n - 1);

	while (slots[i] && slots[i] != h)
		i = (i + 1) & (n - 1);
	if (slots[i] == h)
		return false;
	slots[i] = h;
	return true;
}

static bool set_has(const uint64_t *slots, size_t n, uint64_t h)
{
	size_t i = h & (n - 1);

	while (n && slots[i] && slots[i] != h)
		i = (i + 1) & (n - 1);
	return n && slots[i] == h;
}

static void grow(struct settle *s)
{
	size_t n = s->slots ? s->slots * 2 : 1024;
	uint64_t *bigger = xcalloc(n, sizeof(*bigger));

	for (size_t i = 0; i < s->slots; i++)
		if (s->awaited[i])
			set_add(bigger, n, s->awaited[i]);
	free(s->awaited);
	s->awaited = bigger;
	s->slots = n;
}

struct settle *settle_new(const struct experiment *x, const struct target *t,
			  const struct hosts *h)
{
	struct settle *s = xcalloc(1, sizeof(*s));

	s->experiment = x;
	s->target = t;
	s->hosts = h;
	return s;
}

void settle_free(struct settle *s)
{
	if (!s)
		return;
	free(s->awaited);
	free(s);
}

void settle_told(struct settle *s, const struct told *told)
{
	s->unsure |= told->outcome != TOLD_OK;
	if (!told->acknowledged || !told->key || (told->kind && strcmp(told->kind, "sale")))
		return;
	if ((s->count + 1) * 2 > s->slots)
		grow(s);
	if (set_add(s->awaited, s->slots, key_hash(told->key)))
		s->count++;
}

void settle_disturbed(struct settle *s)
{
	s->unsure = true;
}

static void look_row(void *arg, const struct book *b)
{
	struct look *l = arg;
	uint64_t h;

	/* Order-free digest: rows may come in any order. */
	l->digest += draw_object(b->key ? b->key : "") * 31 + (uint64_t)b->what +
		     (uint64_t)b->total * 7 + (uint64_t)b->qty * 13 +
		     draw_object(b->state ? b->state : "") + draw_object(b->sku ? b->sku : "");
	if (b->what != BOOK_SALE || !b->key)
		return;
	h = key_hash(b->key);
	if (set_has(l->settle->awaited, l->settle->slots, h) && l->seen_slots &&
	    set_add(l->seen, l->seen_slots, h))
		l->found++;
}

static void look(struct settle *s, struct stage *st, struct look *ret)
{
	struct err e = { 0 };

	*ret = (struct look){ .settle = s, .seen_slots = s->slots };
	ret->seen = s->slots ? xcalloc(s->slots, sizeof(*ret->seen)) : NULL;
	ret->readable = books_each(st, s->target, false, look_row, ret, &e) >= 0;
	ret->queue_known = books_queue(st, s->target, &ret->queue, &e) >= 0;
	free(ret->seen);
	ret->seen = NULL;
}

/*
 * Is every service where its target file says it should be at the end? One that is started again
 * and again is there at times only: *ret_starts tells two looks of it apart.
 */
static bool services_at_rest(struct settle *s, struct stage *st, uint64_t *ret_starts)
{
	struct service_state found[SERVICES_MAX];
	size_t n = stage_services(st, "*", found, SERVICES_MAX);

	*ret_starts = 0;
	for (size_t i = 0; i < n; i++) {
		const struct service *conf = target_service(s->target, found[i].name, NULL);

		if (conf && conf->end == END_EXITED && found[i].running)
			return false; /* it may be about to */
		if (!conf || conf->end != END_RUNNING || conf->restart == RESTART_NEVER)
			continue;
		s->unsure |= found[i].starts > 1;
		*ret_starts += (uint64_t)found[i].starts;
		if (!found[i].running || !found[i].ready)
			return false;
	}
	return true;
}

/* How long without a change is rest; a short settling time must be able to see it too. */
static int64_t rest_ns(const struct settle *s)
{
	int64_t half = s->experiment->settle.ns / 2, rest = s->experiment->rest.ns;

	return half < rest ? half : rest;
}

/* Looks become rarer, but a short rest is seen soon after it is over. */
static int64_t next_step(const struct settle *s, int64_t step)
{
	int64_t most = rest_ns(s) / 4 < POLL_MAX_NS ? rest_ns(s) / 4 : POLL_MAX_NS;

	most = most > POLL_FIRST_NS ? most : POLL_FIRST_NS;
	return step * 2 < most ? step * 2 : most;
}

/* May we stop waiting, given two looks that agree since `same_since`? */
static bool enough(const struct settle *s, const struct look *l, int64_t now, int64_t same_since,
		   int64_t deadline)
{
	if (!l->readable || (l->queue_known && l->queue > 0))
		return false;
	if (l->found == s->count)
		return !s->unsure || now - same_since >= rest_ns(s);
	/* A queue that is said to be empty may be stale news: its owner may be about to report. */
	if (l->queue_known && now - same_since >= QUEUE_REST_NS)
		return true;
	return now >= deadline - POLL_MAX_NS && now - same_since >= rest_ns(s);
}

void settle_wait(struct settle *s, struct stage *st, struct loop *loop, bool *stop,
		 int64_t *ret_ns)
{
	int64_t start = clock_now(), cap = s->experiment->settle.ns;
	int64_t deadline = start + cap, step = POLL_FIRST_NS, same_since = 0;
	struct look now = { 0 }, last = { 0 };
	uint64_t starts;
	bool have_last = false;

	*ret_ns = -1;
	if (s->target->books.kind == BOOKS_NONE) {
		*ret_ns = start;
		return;
	}
	while (!*stop && clock_now() < deadline) {
		if (services_at_rest(s, st, &starts) && !hosts_owe(s->hosts)) {
			look(s, st, &now);
			now.digest += starts;
			if (!have_last || now.digest != last.digest || !now.readable)
				same_since = clock_now();
			else if (enough(s, &now, clock_now(), same_since, deadline)) {
				*ret_ns = same_since;
				return;
			}
			last = now;
			have_last = now.readable;
		} else {
			have_last = false;
		}
		loop_run_until(loop, stop, clock_now() + step);
		step = next_step(s, step);
	}
}
