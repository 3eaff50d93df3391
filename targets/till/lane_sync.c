/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: one thread brings the queue to the store, oldest first.
 * It is also the one who finds out that a store we gave up on is back. Every
 * record carries its sale's key, so bringing it twice — because the first
 * answer was lost, or because the store had booked the sale before we went
 * offline — books it once.
 *
 *   no answer       stop; the store is gone; all stays queued
 *   200, 201        in the books
 *   4xx             it never will be: set aside, reported, the next one goes
 *   5xx             the store is in trouble: later; set aside only when others
 *                   get through and this one has failed ATTEMPTS_MAX times
 */
#include "lane.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bug.h"

#define PROBE_MS 250
#define PROBE_TIMEOUT_MS 1000
#define IDLE_MS 1000
#define ATTEMPTS_MAX 5

enum brought { BROUGHT, NOT_NOW, STORE_GONE };

static void wait_for_work(struct lane *l, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (ms % 1000) * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&l->mutex);
	while (!l->work && !atomic_load(&l->closing))
		if (pthread_cond_timedwait(&l->changed, &l->mutex, &until))
			break;
	l->work = false;
	pthread_mutex_unlock(&l->mutex);
}

static bool probe(struct lane *l)
{
	struct answer a;

	if (bug(BUG_STAYS_OFFLINE) && l->asked)
		return false;
	l->asked = true;
	lane_ask_once(l, "/health", NULL, NULL, PROBE_TIMEOUT_MS, &a);
	answer_done(&a);
	return a.status == 200;
}

/* Returns false when the store did not take it: then it is to be told again, or it goes on
 * believing that something waits here. */
static bool report_length(struct lane *l)
{
	struct queue_length q;
	struct answer a;
	json_t *body;

	lane_offline_length(l, &q);
	body = json_pack("{s:s,s:I,s:I}", "lane", l->o->name, "queued", (json_int_t)q.queued,
			 "aside", (json_int_t)q.aside);
	lane_ask_once(l, "/lanes", NULL, body, (long)l->o->timeout_ms, &a);
	json_decref(body);
	answer_done(&a);
	return a.status >= 200 && a.status < 300;
}

static void upload(struct lane *l, const struct queued *q, struct answer *ret)
{
	const char *path = !strcmp(q->kind, "void") ? "/voids" :
			   !strcmp(q->kind, "undo") ? "/undos" :
						      "/sales";
	char idem[IDEM_MAX];

	copy_text(idem, sizeof(idem), q->key);
	if (bug(BUG_OFFLINE_SYNC_TWICE))
		snprintf(idem, sizeof(idem), "%s/%lld", q->receipt, (long long)wall_ms());
	lane_ask_once(l, path, idem, q->body, (long)l->o->timeout_ms, ret);
}

/* Which payment the sale stands paid with is the store's to say; any other goes back. */
static void settle_payment(struct lane *l, const struct queued *q, const struct answer *a)
{
	const char *ours = json_string_value(json_object_get(q->body, "payment"));
	const char *theirs = answer_text(a, "payment", "");

	if (!strcmp(q->kind, "void") && *theirs)
		payment_reverse(l, theirs);
	else if (ours && *ours && (a->status >= 400 || strcmp(ours, theirs)))
		payment_reverse(l, ours);
}

static void settle(struct lane *l, const struct queued *q, const char *state,
		   const struct answer *a)
{
	char why[WHY_MAX] = "";

	if (a->status >= 400)
		lane_verdict(a, why);
	if (l->charges)
		settle_payment(l, q, a);
	lane_offline_mark(l, q->id, state, why);
	say("%s sync %s kind=%s key=%s receipt=%s status=%d booked=%s%s%s", l->o->name, state,
	    q->kind, q->key, q->receipt, a->status, answer_text(a, "receipt", "-"),
	    *why ? " why=" : "", why);
}

static enum brought bring(struct lane *l, const struct queued *q, int64_t others)
{
	struct answer a = {0};
	enum brought result = BROUGHT;

	if (q->body)
		upload(l, q, &a);
	if (a.status != 201 && bug(BUG_POISON_BLOCKS_QUEUE))
		result = STORE_GONE; /* surely works next time */
	else if (!q->body || (a.status >= 400 && a.status < 500))
		settle(l, q, "aside", &a);
	else if (a.status == 200 || a.status == 201)
		settle(l, q, "synced", &a);
	else if (!a.status || a.status == 503)
		result = STORE_GONE;
	else if (q->attempts >= ATTEMPTS_MAX && others)
		settle(l, q, "aside", &a);
	else
		result = NOT_NOW;
	if (result == NOT_NOW)
		lane_offline_mark(l, q->id, "queued", "store failed");
	answer_done(&a);
	return result;
}

/* Returns false when the store went away. */
static bool drain(struct lane *l, int64_t *ret_brought)
{
	struct queued q;
	enum brought result = BROUGHT;
	int64_t after = 0, newest = l->brought_ms;

	*ret_brought = 0;
	while (!atomic_load(&l->closing) && lane_offline_next(l, after, &q)) {
		result = bring(l, &q, *ret_brought);
		*ret_brought += result == BROUGHT;
		after = q.id;
		if (result == BROUGHT && q.created_ms > newest)
			newest = q.created_ms;
		queued_done(&q);
		if (result == STORE_GONE)
			return false;
	}
	if (bug(BUG_SYNC_BY_CLOCK))
		l->brought_ms = newest;
	return true;
}

static void tell_waiters(struct lane *l)
{
	pthread_mutex_lock(&l->mutex);
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->mutex);
}

/* One round; returns how long to rest. */
static int64_t round_of_work(struct lane *l, bool *ret_reported)
{
	int64_t brought;

	if (l->charges && card_deliver(l))
		*ret_reported = false;
	if (!lane_online(l)) {
		*ret_reported = false;
		if (!probe(l))
			return PROBE_MS;
		lane_set_online(l, true);
	}
	l->asked = false;
	if (!l->prices_count && lane_prices_fetch(l))
		return PROBE_MS;
	if (!*ret_reported)
		*ret_reported = report_length(l);
	if (!drain(l, &brought)) {
		lane_set_online(l, false);
		return PROBE_MS;
	}
	if (brought)
		*ret_reported = report_length(l);
	tell_waiters(l);
	return IDLE_MS;
}

static void *run(void *arg)
{
	struct lane *l = arg;
	bool reported = false;

	while (!atomic_load(&l->closing))
		wait_for_work(l, round_of_work(l, &reported));
	return NULL;
}

int lane_sync_start(struct lane *l)
{
	return -pthread_create(&l->sync_thread, NULL, run, l);
}

void lane_sync_stop(struct lane *l)
{
	atomic_store(&l->closing, true);
	lane_sync_wake(l);
	pthread_join(l->sync_thread, NULL);
}

void lane_sync_wake(struct lane *l)
{
	pthread_mutex_lock(&l->mutex);
	l->work = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->mutex);
}

bool lane_sync_wait(struct lane *l, int64_t ms)
{
	int64_t until = mono_ms() + ms;
	struct queue_length q;
	struct timespec at;

	for (;;) {
		lane_offline_length(l, &q);
		if (!q.queued || mono_ms() >= until)
			return !q.queued;
		lane_sync_wake(l);
		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_sec += 1;
		pthread_mutex_lock(&l->mutex);
		pthread_cond_timedwait(&l->changed, &l->mutex, &at);
		pthread_mutex_unlock(&l->mutex);
	}
}
