/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_CRASHES_ROOM_H
#define WD_TRIAL_CRASHES_ROOM_H

/* Between crashes.c, which tries states, crashes_list.c, which finds them, crashes_again.c, which
 * cuts the power while one is recovered from, and crashes_ask.c, which asks the promises. */
#include "disk/durable.h"
#include "ledger/ledger.h"
#include "trial/crashes.h"

/** struct candidate - a state worth trying. */
struct candidate {
	struct crash_at at;
	uint64_t digest;
	bool held;             /* tried, and every promise held */
};
/** struct candidates - of one history; by point. */
struct candidates {
	struct candidate *at;  /* owned */
	size_t count, points;
};
/** struct candidates_of - of which history, and how many are wanted. */
struct candidates_of {
	struct history *h;
	int model;
	uint64_t seed;
	int64_t most;          /* not many more than so many are needed */
	bool based;            /* without what was there before the first operation */
	const bool *stop;
};
/** candidates_list - distinct ones; free with candidates_done, also on failure. */
int candidates_list(struct candidates *ret, const struct candidates_of *o, struct err *e);
void candidates_done(struct candidates *c);

/** struct cut - one cut of the power: where, and what it left. */
struct cut {
	struct history *h;     /* borrowed; NULL: there was none */
	struct crash_at at;
	const struct crash *state; /* borrowed */
};

struct crashes {
	const struct crashes_in *in;
	int fault;             /* index in the experiment */
	const char *node;
	struct ledgers all;    /* of the whole day */
	struct told *told;     /* owned: as of one state */
	struct crash_facts *facts;
	struct cut first, second; /* what is being tried */
};
/** crashes_try_state - services on this state, books, promises: *ret_well. s->first and s->second
 * say how it came about. */
int crashes_try_state(struct crashes *s, const struct crash *c, bool *ret_well, struct err *e);
/** crashes_again - cuts during the recovery from those that held, so many at most. */
int crashes_again(struct crashes *s, struct history *h, struct candidates *of, int64_t most,
		  struct err *e);

/** told_by - what had been told when s->first happened goes to s->told. */
void told_by(struct crashes *s);
/** crashes_ask - does every promise hold on these books? What does not is written down. */
bool crashes_ask(struct crashes *s, struct book *book, size_t count);
/** crashes_broken - a promise is broken in this state; key may be NULL. */
void crashes_broken(struct crashes *s, const char *check, const char *key, const char *what);

#endif
