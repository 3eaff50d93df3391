/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Baskets live in memory, under their key. One thread at a time works on a
 * basket: the second tap on "pay" waits for the first and then finds it paid.
 */
#include "lane.h"

#include <stdlib.h>
#include <string.h>

#include "bug.h"

static struct basket **bucket(struct lane *l, const char *key)
{
	uint32_t h = 2166136261u;

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 16777619u;
	return &l->buckets[h % BUCKETS];
}

static struct basket *find(struct lane *l, const char *key)
{
	struct basket *b = *bucket(l, key);

	while (b && strcmp(b->sale.key, key))
		b = b->next;
	return b;
}

static void forget(struct lane *l, struct basket *b)
{
	struct basket **at = bucket(l, b->sale.key);

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	l->baskets--;
	sale_done(&b->sale);
	free(b);
}

static void forget_oldest(struct lane *l)
{
	struct basket *b = l->oldest;

	if (l->baskets <= BASKETS_MAX || !b || b->users)
		return;
	l->oldest = b->newer;
	forget(l, b);
}

static struct basket *make(struct lane *l, const char *key)
{
	struct basket *b = calloc(1, sizeof(*b)), **at = bucket(l, key);

	if (!b)
		return NULL;
	copy_text(b->sale.key, sizeof(b->sale.key), key);
	copy_text(b->sale.lane, sizeof(b->sale.lane), l->o->name);
	b->next = *at;
	*at = b;
	if (l->newest)
		l->newest->newer = b;
	else
		l->oldest = b;
	l->newest = b;
	l->baskets++;
	return b;
}

/* Looks again after waiting: it may have been forgotten meanwhile. */
static struct basket *wait_for(struct lane *l, const char *key)
{
	struct basket *b = find(l, key);

	while (b && b->users) {
		pthread_cond_wait(&l->changed, &l->mutex);
		b = find(l, key);
	}
	return b;
}

static struct basket *claim(struct lane *l, const char *key, bool create)
{
	struct basket *b;

	pthread_mutex_lock(&l->mutex);
	b = bug(BUG_DOUBLE_TAP) ? find(l, key) : wait_for(l, key);
	if (!b && create)
		b = make(l, key);
	if (b)
		b->users++;
	forget_oldest(l);
	pthread_mutex_unlock(&l->mutex);
	return b;
}

struct basket *basket_claim(struct lane *l, const char *key)
{
	return claim(l, key, false);
}

struct basket *basket_claim_new(struct lane *l, const char *key)
{
	return claim(l, key, true);
}

void basket_release(struct lane *l, struct basket *b)
{
	pthread_mutex_lock(&l->mutex);
	b->users--;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->mutex);
}

void basket_clear(struct basket *b)
{
	sale_done(&b->sale);
	b->sale.manual = false;
	b->state = BASKET_OPEN;
}
