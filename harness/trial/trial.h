/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_TRIAL_H
#define WD_TRIAL_TRIAL_H

/*
 * One trial: stage, services, shoppers and faults, heal, settle, stop, books,
 * judge. The one loop. Files go to `dir`, a temporary name that the caller
 * renames when the reports are written too.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "judge/judge.h"

struct slot;
struct err;

enum trial_phase { PHASE_STAGE, PHASE_READY, PHASE_SHOP, PHASE_SETTLE, PHASE_STOP, PHASE_BOOKS,
	PHASE_JUDGE, PHASE_DONE };
extern const char *const phase_names[];

/** struct trial_live - what a live view shows; in memory shared with the parent, written by the
 * worker only; single words, torn reads are harmless. */
struct trial_live {
	volatile int phase;
	volatile bool baseline;
	volatile int64_t elapsed_ns, served, queued, at_till, left, unknown, p95_ns, active_faults,
		fired, total, pace_milli;
	volatile bool held;      /* it has failed and stands to be looked into ... */
	volatile bool released;  /* ... until the parent says so here */
	char experiment[96];
	char active[96]; /* the faults that are armed, by name */
	char last[160];	 /* latest event in words */
	char reach[768]; /* of which services faults on calls and in processes; "" none */
};

struct trial_in {
	const struct experiment *experiment;
	const struct target *target;
	int64_t seed;
	bool faults;             /* false: the good day */
	bool hold;               /* one that is violated stands until live->released or Ctrl-C */
	const char *dir;         /* exists */
	struct slot *slot;
	struct trial_live *live; /* may be NULL */
	const volatile sig_atomic_t *interrupted; /* 1: heal, judge, report; 2: stop at once */
	int control;             /* of control_listen; 0: nobody can talk to this trial */
	double baseline_rate;    /* < 0 unknown */
	int64_t baseline_p95_ns;
	int64_t baseline_system_p50_ns, baseline_human_mean_ns; /* 0 unknown */
	const char *good_dir, *good_file; /* what a remembered good day was drawn from; or NULL */
};

/** struct trial_link - what one node sent to another; strings owned. */
struct trial_link {
	char *from, *to;
	int64_t packets, bytes, dropped;
	int64_t again;           /* TCP packets that repeat data: retransmissions */
	int64_t handshakes;      /* connections opened this way; how long each took: */
	int64_t rtt_min_ns, rtt_mean_ns, rtt_max_ns;
};

/** struct trial_reach - what of one service the layers of faults see; strings owned. */
struct trial_reach {
	char *service;           /* "store/store" */
	char *program;           /* that it begins with, as its node sees it */
	char *linked;            /* "dynamic", "static"; "unknown", "none": it is no program */
	char *libc, *language;   /* "glibc", "other" or ""; "Go" or "" */
	char *layers;            /* those between it and the world: "wire, disk, calls, library" */
	char *filtered;          /* system calls that are looked at; "": none */
	char *beyond;            /* what cannot be reached, and why; "" */
	int64_t calls, altered;  /* so many were looked at, and altered */
	int64_t rings;           /* io_uring: asked for, denied */
	int64_t listeners;       /* it wanted to be notified itself: EBUSY */
	int64_t foreign;         /* calls of 32-bit programs, left alone */
	int64_t loaded;          /* processes with the library, forks and execs included */
};

struct trial_out {
	struct trial_verdict verdict;
	struct trial_facts facts;
	double rate;             /* sales told ok per wall second */
	int64_t p95_ns;          /* checkout */
	int64_t system_p50_ns, human_mean_ns; /* of a healthy checkout: real, shop; 0 unknown */
	int64_t wall_ns, own_ns; /* whole trial; without POS start-up and shopping */
	bool interrupted;
	struct ledgers ledgers;  /* loaded, for the report */
	struct sales sales;
	struct trial_link *links; /* owned; those over which anything went */
	size_t links_count;
	struct trial_reach *reach; /* owned; one for each service */
	size_t reach_count;
};
/** trial_run - never returns an error for what the target does; < 0 means broken, e says why
 * (out->verdict is then BROKEN too). Caller frees with trial_out_done. */
int trial_run(const struct trial_in *in, struct trial_out *out, struct err *e);
void trial_out_done(struct trial_out *out);
void trial_links_done(struct trial_link *l, size_t count);
void trial_reach_done(struct trial_reach *r, size_t count);

#endif
