/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define BLOCK_SIZE (1 << 20)

struct block {
	struct block *next;
	char data[];
};

struct arena {
	struct block *blocks; /* owned */
	char *free;	      /* where the next string goes */
	size_t room;	      /* bytes left there */
};

struct arena *arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

static char *add_block(struct arena *a, size_t size)
{
	struct block *b = xmalloc(sizeof(*b) + size);

	b->next = a->blocks;
	a->blocks = b;
	return b->data;
}

/* take - n bytes; a string that would waste much of a block gets one of its own. */
static char *take(struct arena *a, size_t n)
{
	char *p;

	if (n > BLOCK_SIZE / 8)
		return add_block(a, n);
	if (n > a->room) {
		a->free = add_block(a, BLOCK_SIZE);
		a->room = BLOCK_SIZE;
	}
	p = a->free;
	a->free += n;
	a->room -= n;
	return p;
}

const char *arena_strn(struct arena *a, const char *s, size_t len)
{
	char *p = take(a, len + 1);

	if (len)
		memcpy(p, s, len);
	p[len] = '\0';
	return p;
}
