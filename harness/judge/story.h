/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_JUDGE_STORY_H
#define WD_JUDGE_STORY_H

/*
 * The story of one sale: what every ledger and the event log have of it, in
 * time order, each line with who said it to whom. Words and pictures are made
 * from the same lines.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct judge_in;

enum actor {
	ACTOR_SHOPPER,
	ACTOR_TILL,
	ACTOR_BANK,
	ACTOR_PRINTER,
	ACTOR_DRAWER,
	ACTOR_BOOKS,
	ACTOR_WORLD, /* faults, services, lanes */
	ACTORS_COUNT
};
extern const char *const actor_names[ACTORS_COUNT];

#define STORY_AFTER INT64_MAX /* as a time: after settling */
struct story_line {
	int64_t t_ns; /* from opening, or STORY_AFTER */
	size_t order;
	int from, to;	/* enum actor; the same: it happens there */
	int fault;	/* index in the experiment; -1: none */
	int64_t hit;	/* of that fault; 0: none */
	int64_t packet; /* its number in wire.pcapng; 0: none. Whoever reads that file fills it in
			 */
	bool event;	/* of the event log */
	bool fired;	/* it tells that a fault did something */
	bool elsewhere; /* that was at another lane than the sale's */
	bool decisive;	/* it did it, as far as can be seen: see story_decide() */
	char *text;	/* owned; without the time */
};
struct story {
	char *key;	       /* owned */
	char *lane;	       /* owned; "": nobody was told of it */
	struct story_line *at; /* owned; in time order */
	size_t count;
	int64_t from_ns, to_ns; /* at the till, from opening; from > to: unknown */
	int64_t left_out;	/* events near it that are in events.ndjson only */
	char *torn;		/* owned: text of a receipt that was torn; NULL: none */
};
/** judge_story_build - of that key; story_done frees. */
void judge_story_build(const struct judge_in *in, const char *key, struct story *ret);
/** story_text - as words: a line each, decisive ones begin with '>'. @pace_milli: shop time is said
 * too unless it is 1000. */
void story_text(const struct story *s, int64_t pace_milli, struct buf *out);
void story_done(struct story *s);
/** judge_story - both at once. */
void judge_story(const struct judge_in *in, const char *key, struct buf *out);

#endif
