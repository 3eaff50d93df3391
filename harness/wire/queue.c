/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/queue.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/cleanup.h"

struct queue {
	uint8_t (*frame)[QUEUE_FRAME_MAX]; /* mapped, QUEUE_MAX */
	struct waiting at[QUEUE_MAX];      /* by place in the pool */
	uint16_t heap[QUEUE_MAX + 1];      /* [1..count]: places */
	uint16_t spare[QUEUE_MAX];         /* free places */
	unsigned count;
	uint64_t order;
};

struct queue *queue_new(void)
{
	struct queue *q = xcalloc(1, sizeof(*q));

	q->frame = mmap(NULL, (size_t)QUEUE_MAX * QUEUE_FRAME_MAX, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (q->frame == MAP_FAILED)
		abort();
	for (unsigned i = 0; i < QUEUE_MAX; i++)
		q->spare[i] = (uint16_t)i;
	return q;
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	munmap(q->frame, (size_t)QUEUE_MAX * QUEUE_FRAME_MAX);
	free(q);
}

static bool before(const struct queue *q, uint16_t a, uint16_t b)
{
	const struct waiting *x = &q->at[a], *y = &q->at[b];

	return x->at_ns != y->at_ns ? x->at_ns < y->at_ns : x->order < y->order;
}

static void sift_up(struct queue *q, unsigned i, uint16_t place)
{
	for (; i > 1 && before(q, place, q->heap[i / 2]); i /= 2)
		q->heap[i] = q->heap[i / 2];
	q->heap[i] = place;
}

static void sift_down(struct queue *q, unsigned i, uint16_t place)
{
	for (unsigned child; (child = 2 * i) <= q->count; i = child) {
		if (child < q->count && before(q, q->heap[child + 1], q->heap[child]))
			child++;
		if (!before(q, q->heap[child], place))
			break;
		q->heap[i] = q->heap[child];
	}
	q->heap[i] = place;
}

/* The free places are spare[count..]: taken and given back at its end. */
int queue_push(struct queue *q, const struct waiting *w, const uint8_t *frame)
{
	uint16_t place;

	if (w->len > QUEUE_FRAME_MAX)
		return -EMSGSIZE;
	if (q->count == QUEUE_MAX)
		return -ENOBUFS;
	place = q->spare[q->count++];
	q->at[place] = *w;
	q->at[place].order = q->order++;
	memcpy(q->frame[place], frame, w->len);
	sift_up(q, q->count, place);
	return 0;
}

const struct waiting *queue_first(const struct queue *q, const uint8_t **ret_frame)
{
	if (!q->count)
		return NULL;
	*ret_frame = q->frame[q->heap[1]];
	return &q->at[q->heap[1]];
}

void queue_pop(struct queue *q)
{
	uint16_t gone = q->heap[1], last = q->heap[q->count];

	q->spare[--q->count] = gone;
	if (q->count)
		sift_down(q, 1, last);
}

unsigned queue_count(const struct queue *q)
{
	return q->count;
}

/* The old time becomes part of the order: sorted once, they are numbered anew at one time. */
void queue_hasten(struct queue *q, uint64_t rules, int64_t now)
{
	unsigned count = q->count;
	uint64_t order = 0;

	for (unsigned i = 0; i < count; i++) { /* an ordered heap: place i is the i-th to go */
		uint16_t place = q->heap[1], last = q->heap[q->count];
		struct waiting *w = &q->at[place];

		q->count--;
		if (q->count)
			sift_down(q, 1, last);
		q->heap[q->count + 1] = place;
		w->order = order++;
		w->rules &= ~rules;
		if (!w->rules && w->at_ns > now)
			w->at_ns = now;
	}
	q->order = order;
	for (q->count = 0; q->count < count;) {
		uint16_t place = q->heap[q->count + 1];

		q->count++;
		sift_up(q, q->count, place);
	}
}

void queue_each(const struct queue *q, void (*fn)(const struct waiting *w, void *arg), void *arg)
{
	for (unsigned i = 1; i <= q->count; i++)
		fn(&q->at[q->heap[i]], arg);
}
