/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who was acknowledged without being told ok: whoever holds a receipt that was
 * cut, or saw the drawer open for his cash, may leave with the goods. Copies
 * and torn receipts are no such sign.
 */
#include "ledger/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct keys {
	const char **at; /* owned; sorted */
	size_t count;
};

static int by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static void keys_sort(struct keys *k)
{
	qsort(k->at, k->count, sizeof(*k->at), by_text);
}

static bool keys_have(const struct keys *k, const char *key)
{
	return bsearch(&key, k->at, k->count, sizeof(*k->at), by_text) != NULL;
}

static struct keys cut_receipts(const struct ledgers *l)
{
	struct keys k = {.at = xcalloc(l->paper_count + 1, sizeof(*k.at))};

	for (size_t i = 0; i < l->paper_count; i++)
		if (l->paper[i].cut && !l->paper[i].copy && l->paper[i].key)
			k.at[k.count++] = l->paper[i].key;
	keys_sort(&k);
	return k;
}

static struct keys pulses(const struct ledgers *l)
{
	struct keys k = {.at = xcalloc(l->drawer_count + 1, sizeof(*k.at))};

	for (size_t i = 0; i < l->drawer_count; i++)
		if (l->drawer[i].key && strcmp(l->drawer[i].what, "pulse") == 0)
			k.at[k.count++] = l->drawer[i].key;
	keys_sort(&k);
	return k;
}

static bool is_sale(const struct told *t)
{
	return !t->kind || (strcmp(t->kind, "void") != 0 && strcmp(t->kind, "refund") != 0);
}

void ledgers_acknowledge(struct ledgers *l)
{
	struct keys paper = cut_receipts(l), drawer = pulses(l);

	for (size_t i = 0; i < l->told_count; i++) {
		struct told *t = &l->told[i];

		if (!t->key || !*t->key || !is_sale(t))
			continue;
		t->acknowledged |= keys_have(&paper, t->key) ||
				   (t->tender && strcmp(t->tender, "cash") == 0 &&
				    keys_have(&drawer, t->key));
	}
	free(paper.at);
	free(drawer.at);
}
