/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_GATE_H
#define WD_BASE_GATE_H

/*
 * Which hits of a fault are let through: the `nth:` and `probability:` of a
 * `when:` as a plain value. Events are counted by trial/trigger.c, packets by
 * the wire; what a count means is decided here, once, for both.
 */
#include <stdbool.h>
#include <stdint.h>

struct gate {
	int64_t first, last, step; /* first INT64_MIN: every one */
	double probability;        /* < 0: always */
	uint64_t seed;
	int32_t fault;             /* index in the experiment: names the draw */
};
/** gate_all - lets everything through. */
struct gate gate_all(void);
/**
 * gate_lets - is hit number n (from 1) let through? Pure. @object, @hit: what the probability is
 * drawn for: the fault and n for events, the packet's own identity for packets.
 */
bool gate_lets(const struct gate *g, int64_t n, uint64_t object, uint64_t hit);

#endif
