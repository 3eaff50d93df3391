/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_EFFECTS_H
#define WD_WIRE_EFFECTS_H

/* Between impair.c, which walks over the rules, and effects.c, which knows what each does. */
#include "wire/impair.h"
#include "wire/queue.h"

/** NS_SANE - no packet waits for longer than this for one rule: eleven days. */
#define NS_SANE INT64_C(1000000000000000)

struct regex;
struct regex_room;

/** struct slot - an armed rule. */
struct slot {
	bool used;
	struct wire_rule r;
	struct regex *pattern;  /* owned; NULL: any request */
	struct regex_room *room; /* owned: what matching needs */
	uint32_t generation;
	uint64_t serial;        /* connections up to this one were there when it was armed */
	uint64_t order;
	int64_t armed_ns, n;    /* n: counted for the gate */
	int64_t full_ns[2];     /* rate: when the bucket of each way has sent what it took */
	uint64_t listed, piece; /* hits: told one by one; not told yet */
	uint64_t left;          /* what was chosen and not altered: told one by one */
	int64_t piece_ns;       /* since when */
	struct wire_hit last;   /* of the piece */
};

/** struct look - one packet under the eyes of all rules, and what came of it. */
struct look {
	const struct impair_out *out;
	struct wire_seen *seen;      /* what is told of it in the end; notes are taken at once */
	struct flow *flow;
	uint8_t *frame;         /* with virtio header */
	struct packet p;
	struct ident id;
	unsigned from, to, side;
	bool fresh;             /* data never seen before */
	uint32_t before;        /* TCP: how far this end had got before (relative) */
	int64_t now;
	/* the outcome */
	bool drop, overtake;
	bool kept;              /* a dropped one: its first bytes were delivered before */
	uint64_t held_by;       /* bits of rules */
	int64_t delay_ns, until_ns, copy_ns; /* copy_ns < 0: no copy */
};

/** effect_matches - is this packet one of those that the rule is about? */
bool effect_matches(const struct slot *s, const struct look *l);
/** effect_apply - what the rule does to it. @bit: the rule's place. */
void effect_apply(struct slot *s, unsigned bit, struct look *l);
/** effect_listens - does this rule want to know of requests and answers (talk.h)? */
bool effect_listens(const struct slot *s);
/** effect_asked - a request begins at `at`; true: the rule wants its answer. */
bool effect_asked(struct slot *s, unsigned bit, struct look *l, uint32_t at);
/** effect_taken - what the rule wants is another one's: told, and left alone. */
void effect_taken(struct slot *s, unsigned bit, const struct look *l);
/** effect_answer - that answer begins at `at`. */
void effect_answer(struct slot *s, unsigned bit, struct look *l, uint32_t at);
/** effect_through - an answer begins at `at`: has the one that was to be lost got through? */
void effect_through(struct slot *s, unsigned bit, struct look *l, uint32_t at);
/** effect_fate - what was decided about its connection before. False: nothing. */
bool effect_fate(struct look *l);
/** effect_tell_piece - tell the hits that were only counted. */
void effect_tell_piece(struct slot *s, const struct impair_out *out);

#endif
