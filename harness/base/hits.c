/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hits.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"

#define PIECE_NS (NS_PER_S / 4)

size_t hits_bytes(uint32_t places, uint32_t size)
{
	return sizeof(struct hits) + (size_t)places * size;
}

void hits_init(struct hits *h, uint32_t places, uint32_t size)
{
	assert(places > 0 && (places & (places - 1)) == 0 && size > 0);
	*h = (struct hits){ .places = places, .size = size };
}

static char *place(struct hits *h, uint32_t n)
{
	return (char *)h->at + (size_t)(n & (h->places - 1)) * h->size;
}

bool hits_push(struct hits *h, const void *record, uint64_t weight)
{
	uint32_t head = h->head;

	if (head - __atomic_load_n(&h->tail, __ATOMIC_ACQUIRE) >= h->places) {
		__atomic_store_n(&h->lost, h->lost + weight, __ATOMIC_RELAXED);
		return false;
	}
	memcpy(place(h, head), record, h->size);
	__atomic_store_n(&h->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

bool hits_pop(struct hits *h, void *ret)
{
	uint32_t tail = h->tail;

	if (tail == __atomic_load_n(&h->head, __ATOMIC_ACQUIRE))
		return false;
	memcpy(ret, place(h, tail), h->size);
	__atomic_store_n(&h->tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}

uint64_t hits_lost(const struct hits *h)
{
	return __atomic_load_n(&h->lost, __ATOMIC_RELAXED);
}

uint64_t pieces_step(struct pieces *p, int64_t now_ns)
{
	if (p->listed < PIECES_LISTED) {
		p->listed++;
		return 1;
	}
	if (!p->waiting++)
		p->since_ns = now_ns;
	return now_ns - p->since_ns >= PIECE_NS ? pieces_rest(p) : 0;
}

uint64_t pieces_rest(struct pieces *p)
{
	uint64_t n = p->waiting;

	p->waiting = 0;
	return n;
}
