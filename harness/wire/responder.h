/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_RESPONDER_H
#define WD_WIRE_RESPONDER_H

/*
 * The name server on the wire: takes frames that are addressed to it, answers
 * them, and does to the answers what the armed rules say. Knows no socket and
 * no clock: frames and the time come in, frames and hits go out. Nothing is
 * allocated after responder_new.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/names.h"

struct responder_out {
	void *arg;
	void (*deliver)(void *arg, unsigned to, const uint8_t *frame, size_t len);
	void (*hit)(void *arg, const struct wire_dns_hit *h);
	void (*lost)(void *arg, unsigned from); /* a packet of this node went nowhere */
};
struct responder;
struct responder *responder_new(const struct responder_out *out);
void responder_free(struct responder *r);
/** responder_reset - no name, no rule, nothing waiting, nothing counted. */
void responder_reset(struct responder *r);
/** responder_names - what it knows from now on (copied); -EINVAL: not to be believed. */
int responder_names(struct responder *r, const struct wire_names *names);
/** responder_add - in effect when this returns. The rule's number (>= 0), or -errno. */
int responder_add(struct responder *r, const struct wire_dns_rule *rule);
/** responder_del - the rule is gone, what it alone held back is answered, its hits are told. */
int responder_del(struct responder *r, unsigned id, int64_t now);
/** responder_frame - one frame with its virtio header of node `from`; false: not for us. */
bool responder_frame(struct responder *r, unsigned from, uint8_t *frame, size_t len, int64_t now);
/** responder_due - when responder_release has something to do; INT64_MAX: never. */
int64_t responder_due(const struct responder *r);
void responder_release(struct responder *r, int64_t now);

#endif
