/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_IMPAIR_H
#define WD_WIRE_IMPAIR_H

/*
 * What happens to packets on a bad day. Knows rules, connections and waiting
 * packets; knows no socket, no clock and no interface: frames and the time
 * come in, frames and hits go out.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/flow.h"
#include "wire/rule.h"
#include "wire/seen.h"
#include "wire/wire.h"

struct err;
#define HITS_LISTED 1000             /* of one rule; later ones are counted in pieces of */
#define HITS_PIECE_NS 250000000      /* this long */

struct impair_out {
	void *arg;
	void (*deliver)(void *arg, unsigned to, const uint8_t *frame, size_t len);
	void (*hit)(void *arg, const struct wire_hit *h);
	void (*lost)(void *arg, unsigned from); /* a packet of this node went nowhere */
	/* may be NULL: every packet that was dealt with, once; and those made here */
	void (*seen)(void *arg, const struct wire_seen *x);
	/* may be NULL: the number of the event that the last hit became; 0: none */
	uint32_t (*number)(void *arg);
};
struct impair;
struct impair *impair_new(const struct impair_out *out);
void impair_free(struct impair *im);
/** impair_add - in effect when this returns. The rule's number (>= 0), or -errno. */
int impair_add(struct impair *im, const struct wire_rule *r, int64_t now);
/** impair_del - the rule is gone, what it held back is delivered, its last hits are told. */
int impair_del(struct impair *im, unsigned id, int64_t now);
/** impair_reset - no rule, no connection, nothing waiting. */
void impair_reset(struct impair *im);
/** impair_wants - must this frame go through impair_frame? If not, just forward it. Cheap. */
bool impair_wants(const struct impair *im, unsigned from, unsigned to, const uint8_t *frame,
		  size_t len);
/**
 * impair_frame - one frame with its virtio header, from node to node. May write to it. Returns how
 * many packets it was, at least 1.
 */
unsigned impair_frame(struct impair *im, unsigned from, unsigned to, uint8_t *frame, size_t len,
		      int64_t now);
/** impair_due - when impair_release has something to do; INT64_MAX: never. */
int64_t impair_due(const struct impair *im);
void impair_release(struct impair *im, int64_t now);
/** impair_forgotten - connections forgotten while in use: flow.h. */
uint64_t impair_forgotten(const struct impair *im);
/** impair_waiting - packets that wait: at most QUEUE_MAX. */
unsigned impair_waiting(const struct impair *im);

#endif
