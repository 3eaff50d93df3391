/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BUG_ACK_BEFORE_COMMIT: "the database is the bottleneck", so sales go into a
 * list, are answered from there, and a thread writes the list every 50 ms.
 */
#include "store_behind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "till.h"

#define FLUSH_MS 50
#define SERIES_MAX 64

struct waiting {
	struct sale sale;
	struct booked booked;
	int64_t number;
	struct waiting *next;
};

struct behind {
	struct store *store;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t stop;
	bool stopping;               /* protected by mutex, like all below */
	struct waiting *first, **last;
	struct {
		char lane[NAME_MAX_];
		int64_t number;
	} series[SERIES_MAX];
};

static int64_t last_in_books(struct store *st, const char *lane)
{
	int64_t n;

	db_lock(&st->reader);
	n = db_number(&st->reader, 0, "SELECT last FROM series WHERE series = ?", "t", lane);
	db_unlock(&st->reader);
	return n;
}

static int64_t next_number(struct behind *b, const char *lane)
{
	size_t i = 0;

	while (i < SERIES_MAX - 1 && *b->series[i].lane && strcmp(b->series[i].lane, lane))
		i++;
	if (!*b->series[i].lane) {
		copy_text(b->series[i].lane, NAME_MAX_, lane);
		b->series[i].number = last_in_books(b->store, lane);
	}
	return ++b->series[i].number;
}

static struct waiting *find(struct behind *b, const char *idem)
{
	struct waiting *w = b->first;

	while (w && strcmp(w->sale.idem, idem))
		w = w->next;
	return w;
}

static struct waiting *add(struct behind *b, const struct sale *s)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	sale_copy(&w->sale, s);
	w->number = s->offline ? s->number : next_number(b, s->lane);
	snprintf(w->booked.receipt, sizeof(w->booked.receipt), "%s%s-%lld", s->lane,
		 s->offline ? "-o" : "", (long long)w->number);
	copy_text(w->booked.state, sizeof(w->booked.state), "paid");
	copy_text(w->booked.payment, sizeof(w->booked.payment), s->payment);
	copy_text(w->booked.tender, sizeof(w->booked.tender), s->tender);
	w->booked.total = s->total;
	w->booked.offline = s->offline;
	*b->last = w;
	b->last = &w->next;
	return w;
}

int behind_sell(struct behind *b, const struct sale *s, struct booked *ret, char *why)
{
	struct waiting *w;
	int status = 200;

	(void)why;
	pthread_mutex_lock(&b->mutex);
	w = find(b, s->idem);
	if (!w && store_find(b->store, s->key, ret) != 200) {
		w = add(b, s);
		status = 201;
	}
	if (w)
		*ret = w->booked;
	pthread_mutex_unlock(&b->mutex);
	return status;
}

static void flush(struct behind *b)
{
	struct booking how = {0};
	char why[WHY_MAX] = "";
	struct booked booked;
	struct waiting *w, *next;

	pthread_mutex_lock(&b->mutex);
	for (w = b->first; w; w = next) {
		next = w->next;
		how.number = w->number;
		store_book(b->store, &w->sale, &how, &booked, why);
		sale_done(&w->sale);
		free(w);
	}
	b->first = NULL;
	b->last = &b->first;
	pthread_mutex_unlock(&b->mutex);
}

static bool rest(struct behind *b)
{
	struct timespec until;
	bool stopping;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += FLUSH_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&b->mutex);
	if (!b->stopping)
		pthread_cond_timedwait(&b->stop, &b->mutex, &until);
	stopping = b->stopping;
	pthread_mutex_unlock(&b->mutex);
	return !stopping;
}

static void *run(void *arg)
{
	struct behind *b = arg;

	while (rest(b))
		flush(b);
	flush(b);
	return NULL;
}

struct behind *behind_start(struct store *st)
{
	struct behind *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->store = st;
	b->last = &b->first;
	pthread_mutex_init(&b->mutex, NULL);
	pthread_cond_init(&b->stop, NULL);
	if (pthread_create(&b->thread, NULL, run, b))
		abort();
	return b;
}

void behind_stop(struct behind *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->mutex);
	b->stopping = true;
	pthread_cond_signal(&b->stop);
	pthread_mutex_unlock(&b->mutex);
	pthread_join(b->thread, NULL);
	free(b);
}
