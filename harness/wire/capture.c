/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The ring holds records one behind the other, each a
 * multiple of 8 bytes; one that would not fit before the ring's end is put at
 * its start, and an empty record says so. The switch writes `head`, the writer
 * `tail`, neither waits for the other. A full ring costs packets of the
 * capture, which are counted, never time.
 *
 * Waking the writer costs a system call, so the switch does it once per round
 * and only when the writer said that it sleeps.
 */
#include "wire/capture.h"

#include <assert.h>
#include <string.h>

#define HEAD sizeof(struct captured)

_Static_assert((CAPTURE_RING & (CAPTURE_RING - 1)) == 0, "positions are taken modulo its size");
_Static_assert(HEAD % 8 == 0, "a record's size is a multiple of 8");

static void count(uint64_t *c)
{
	__atomic_store_n(c, *c + 1, __ATOMIC_RELAXED);
}

static size_t place(uint64_t at)
{
	return (size_t)(at & (CAPTURE_RING - 1));
}

/* Bytes to leave free so that `size` of them lie together. */
static size_t padding(uint64_t at, size_t size)
{
	size_t left = CAPTURE_RING - place(at);

	return left < size ? left : 0;
}

static void put_at(struct capture *c, uint64_t at, uint32_t size, const struct wire_seen *x)
{
	struct captured head = { .size = size, .len = (uint32_t)x->len, .t_ns = x->now,
				 .node = x->what == SEEN_MADE ? x->to : x->from,
				 .inbound = x->what == SEEN_MADE, .what = x->what,
				 .notes = x->notes };
	uint8_t *to = c->ring + place(at);

	memcpy(head.note, x->note, sizeof(head.note[0]) * x->notes);
	memcpy(to, &head, HEAD);
	memcpy(to + HEAD, x->frame, x->len);
}

void capture_put(struct capture *c, const struct wire_seen *x)
{
	size_t size = (HEAD + x->len + 7) & ~(size_t)7, pad = padding(c->head, size);
	uint64_t used = c->head - __atomic_load_n(&c->tail, __ATOMIC_ACQUIRE);
	unsigned node = x->what == SEEN_MADE ? x->to : x->from;

	assert(node < WIRE_NODES_MAX && x->notes <= SEEN_NOTES_MAX);
	if (__atomic_load_n(&c->full, __ATOMIC_RELAXED)) {
		count(&c->missing[node]);
		return;
	}
	if (used + pad + size > CAPTURE_RING) {
		count(&c->missing[node]);
		count(&c->lost);
		return;
	}
	if (pad) /* `size` and `len` lie before any end: records are multiples of 8 */
		memcpy(c->ring + place(c->head), (uint32_t[2]){ (uint32_t)pad, 0 }, 8);
	put_at(c, c->head + pad, (uint32_t)size, x);
	__atomic_store_n(&c->head, c->head + pad + size, __ATOMIC_SEQ_CST);
}

const struct captured *capture_get(struct capture *c)
{
	const struct captured *r;

	for (;;) {
		if (c->tail == __atomic_load_n(&c->head, __ATOMIC_SEQ_CST))
			return NULL;
		r = (const struct captured *)(const void *)(c->ring + place(c->tail));
		if (r->len)
			return r;
		capture_drop(c);
	}
}

void capture_drop(struct capture *c)
{
	uint32_t size;

	memcpy(&size, c->ring + place(c->tail), sizeof(size));
	__atomic_store_n(&c->tail, c->tail + size, __ATOMIC_RELEASE);
}

bool capture_wants_waking(const struct capture *c)
{
	return __atomic_load_n(&c->asleep, __ATOMIC_SEQ_CST) &&
	       c->head != __atomic_load_n(&c->tail, __ATOMIC_RELAXED);
}
