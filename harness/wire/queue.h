/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_QUEUE_H
#define WD_WIRE_QUEUE_H

/* Packets that wait: a fixed pool, taken out in (time, order of arrival). */
#include <stddef.h>
#include <stdint.h>

#define QUEUE_MAX 8192        /* packets waiting at once, over all links: 16 MiB */
#define QUEUE_FRAME_MAX 2048  /* bytes of one */

struct waiting {
	int64_t at_ns;
	uint64_t order, rules;    /* rules: bits of those that made it wait */
	uint16_t from, to, len;
};
struct queue;
struct queue *queue_new(void);
void queue_free(struct queue *q);
/** queue_push - copy a frame in. -ENOBUFS: the pool is used up; -EMSGSIZE: too large. */
int queue_push(struct queue *q, const struct waiting *w, const uint8_t *frame);
/** queue_first - the earliest; NULL: empty. *ret_frame stays valid until the next push. */
const struct waiting *queue_first(const struct queue *q, const uint8_t **ret_frame);
void queue_pop(struct queue *q);
/** queue_count - packets that wait. */
unsigned queue_count(const struct queue *q);
/** queue_hasten - let what `rules` alone hold back go at `now`, in the order it would have had. */
void queue_hasten(struct queue *q, uint64_t rules, int64_t now);
/** queue_each - for every one waiting, in no order. */
void queue_each(const struct queue *q, void (*fn)(const struct waiting *w, void *arg), void *arg);

#endif
