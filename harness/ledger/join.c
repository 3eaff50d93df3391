/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One open-addressing table (linear probing, at most half
 * full) from key to sale. A slot holds the upper half of the key's hash beside
 * the sale's index, so that a probe rarely has to look at a string. Told
 * records come first and keep their order; then the sales that only the books
 * know, in the books' order. A told record without a key stands for itself.
 */
#include "ledger/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct slot {
	uint32_t tag;
	uint32_t index; /* 1-based; 0: free */
};

struct table {
	struct slot *slots; /* owned */
	size_t mask;
};

static uint64_t hash_of(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93); /* FNV leaves the high bits of short keys poor */
	return h ^ h >> 32;
}

/* find_or_add - the sale of a key; it is new when its key is still NULL. */
static struct sale *find_or_add(struct table *t, struct sales *s, const char *key)
{
	uint64_t hash = hash_of(key);
	uint32_t tag = (uint32_t)(hash >> 32);

	for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
		struct slot *slot = &t->slots[i];
		struct sale *sale;

		if (!slot->index) {
			*slot = (struct slot){tag, (uint32_t)++s->count};
			sale = &s->at[s->count - 1];
			sale->key = key;
			return sale;
		}
		sale = &s->at[slot->index - 1];
		if (slot->tag == tag && strcmp(sale->key, key) == 0)
			return sale;
	}
}

static bool is_sale(const struct book *b)
{
	return b->what == BOOK_SALE && !b->start;
}

static void join_told(struct table *t, struct sales *s, const struct told *told)
{
	bool keyed = told->key && *told->key;
	struct sale *sale = keyed ? find_or_add(t, s, told->key) : &s->at[s->count++];

	if (!sale->key)
		sale->key = "";
	if (!sale->told)
		sale->told = told;
	sale->tolds++;
}

static void join_book(struct table *t, struct sales *s, const struct book *book)
{
	struct sale *sale;

	if (!book->key || !*book->key) {
		s->unkeyed++;
		return;
	}
	sale = find_or_add(t, s, book->key);
	if (!sale->book)
		sale->book = book;
	sale->books++;
}

int sales_join(struct sales *ret, const struct ledgers *l)
{
	struct table t = {0};
	size_t most = l->told_count, size = 16;

	for (size_t i = 0; i < l->book_count; i++)
		most += is_sale(&l->book[i]);
	while (size < 2 * most)
		size *= 2;
	t.slots = xcalloc(size, sizeof(*t.slots));
	t.mask = size - 1;
	*ret = (struct sales){.at = xcalloc(most, sizeof(*ret->at))};
	for (size_t i = 0; i < l->told_count; i++)
		join_told(&t, ret, &l->told[i]);
	for (size_t i = 0; i < l->book_count; i++)
		if (is_sale(&l->book[i]))
			join_book(&t, ret, &l->book[i]);
	free(t.slots);
	return 0;
}

void sales_done(struct sales *s)
{
	free(s->at);
	*s = (struct sales){0};
}
