/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_LIMIT_H
#define WD_FAULTS_LIMIT_H

/*
 * What the faults that limit something have in common. The kernel refuses what is beyond a limit
 * without telling anybody else, so each fault looks at the processes every few milliseconds for
 * what only a refusal explains; that is its hit. To be at the limit is none: it is told when the
 * fault is healed without a hit.
 */
#include "base/loop.h"
#include "faults/service.h"
#include "stage/tasks.h"

/** struct limited_service - one service that an activation limits. */
struct limited_service {
	char *name;                /* owned: "node/service" */
	const char *node;          /* borrowed from the stage */
	int64_t most;              /* what it may have */
	struct stage_limit *limit; /* owned; NULL: none of the kernel's */
	int starts;                /* at the last look; -1: it was down */
	bool at_limit;             /* at the last look; ever: at any */
	bool ever_at_limit;
	bool seen;                 /* at the last look there were signs of a refusal ... */
	bool told;                 /* ... which are a hit already */
	int64_t hits;
	int64_t refused;           /* memory.limit: so often malloc() had none, at the last look */
	pid_t victim;              /* memory.limit: killed, and not gone yet */
	char file[256];            /* file-size.limit: the last one that was cut */
};
struct limit_state;
/** struct limit_kind - what a fault has of its own; static. */
struct limit_kind {
	int resource;     /* RLIMIT_…; -1: none, the fault acts at its looks */
	int64_t every_ns; /* between looks */
	/* how much the service has now, for `left:` */
	int64_t (*used)(const struct tasks *t);
	/* sets v->at_limit, and calls limit_fired for what is a hit */
	void (*look)(struct limit_state *s, struct limited_service *v, const struct tasks *t);
	const char *blind; /* why nothing may have been seen, for who was at the limit in vain */
};
/** struct limit_state - a fault's state. */
struct limit_state {
	struct loop_timer timer; /* first: callbacks cast */
	struct run *run;
	const struct limit_kind *kind;
	int64_t most, left;      /* most 0: it is `left` that counts */
	bool arming;             /* the first look: what is so already is no hit */
	struct limited_service *at; /* owned */
	size_t count;
};

/** LIMIT_MOST, LIMIT_LEFT - the rows for how much; members `most`, `left`. @kind: OPT_INT or
 * OPT_SIZE; @one, @none: the least of each as text. */
#define LIMIT_MOST(owner, kind, one, what, sample) \
	{ .name = "most", .type = kind, .offset = offsetof(struct owner, most), \
	  .optional = true, .min = one, .help = what, .example = sample }
#define LIMIT_LEFT(owner, kind, none, what, sample) \
	{ .name = "left", .type = kind, .offset = offsetof(struct owner, left), \
	  .def = none, .min = none, .help = what, .example = sample }

/** limit_arm - on every service that `service` matches, running or not. @most 0: what each has now
 * and @left more. */
int limit_arm(struct limit_state *s, struct run *r, const struct limit_kind *kind,
	      const char *service, int64_t most, int64_t left, struct err *e);
/** limit_fired - a hit of this service. */
void limit_fired(struct limit_state *s, struct limited_service *v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** limit_disarm, limit_release - hooks; the state is a struct limit_state. */
int limit_disarm(struct run *r, const void *opts, void *state, struct err *e);
void limit_release(struct run *r, void *state);
/** limit_check - not both, most and left. */
void limit_check(int64_t most, int64_t left, struct mark at, struct diag *d);
/** limit_ended - how the run of the service ended that was going on at the last look; NULL: it goes
 * on. Call once a look. */
const char *limit_ended(struct limit_state *s, struct limited_service *v);
/** memory_limit_nodes - patterns of nodes on whose services memory.limit counts refusals: added. */
void memory_limit_nodes(const struct experiment *x, struct strlist *ret);
/** limit_amount - "may have 64 open files", "may have 4 more open files than it has". */
void limit_amount(struct buf *out, int64_t most, int64_t left, const char *things);

#endif
