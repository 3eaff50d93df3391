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

#define PIECES_LISTED 1000 /* hits of one rule that are told one by one; more are counted */
/** struct pieces - so that a rule that is met all the time floods nobody. Zero-initialise. */
struct pieces {
	uint64_t listed, waiting;
	int64_t since_ns;
};
/** pieces_step - one hit more: for how many is a record to be told now? 0: for none yet. */
uint64_t pieces_step(struct pieces *p, int64_t now_ns);
/** pieces_rest - how many are still to be told; none after that. */
uint64_t pieces_rest(struct pieces *p);

#endif
