/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_HITS_H
#define WD_BASE_HITS_H

/*
 * Hits on their way from the process of a mechanism to the worker: a ring of
 * equal records in memory that both share. One end writes `head`, the other
 * `tail`, and neither waits: a full ring costs hits, which are counted, never
 * time. One writer and one reader; several writers hold a lock of their own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hits {
	uint32_t head, tail; /* only ever counted up */
	uint32_t places, size;
	uint64_t lost;
	max_align_t at[];
};
/** hits_bytes - memory for so many records of that size. */
size_t hits_bytes(uint32_t places, uint32_t size);
void hits_init(struct hits *h, uint32_t places, uint32_t size);
/** hits_push - false: full; @weight hits are lost then. */
bool hits_push(struct hits *h, const void *record, uint64_t weight);
/** hits_pop - false: empty. */
bool hits_pop(struct hits *h, void *ret);
uint64_t hits_lost(const struct hits *h);

#endif
