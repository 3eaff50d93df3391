/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_SUITE_H
#define WD_EXPLORE_SUITE_H

/*
 * A suite: trials of a plan's experiments with seeds base, base+1, …, run by
 * one worker process per slot.
 */
#include <stdbool.h>
#include <stdint.h>

#include "explore/plan.h"
#include "explore/store.h"
#include "trial/trial.h"

struct err;

#define SUITE_JOBS_MAX 64
#define SUITE_SEED_DEFAULT 1

/** struct suite_result - how one trial ended; sent by the worker as it is. */
struct suite_result {
	int64_t number;	    /* of the trial in the suite, from 0 */
	int64_t experiment; /* index in the plan */
	int64_t seed;
	int64_t verdict; /* enum verdict */
	int64_t wall_ns, own_ns; /* own: not POS start-up nor shopping, but reports and fsync too */
	bool interrupted, baseline; /* baseline: it already failed on the good day */
	bool good_vague; /* its good day was inconclusive, and would be again */
	char why[512];
	char dir[1024]; /* results directory; empty when there is none */
};

struct suite_hooks {
	void *arg;
	/* in the worker: write the reports of a trial into dir; it will be found at final_dir */
	int (*report)(void *arg, const struct trial_in *in, const struct trial_out *out,
		      const char *dir, const char *final_dir, struct err *e);
	/* in the parent: a trial has ended */
	void (*ended)(void *arg, const struct suite_result *r);
	/* in the parent, every 200 ms; live[0..n) with phase PHASE_DONE are idle. May be NULL */
	void (*tick)(void *arg, struct trial_live *live, size_t n, int64_t done, int64_t total);
};

struct suite_opts {
	const struct plan *plan;
	int64_t seed;	 /* < 0: each experiment's own, else 1 */
	int64_t seeds;	 /* per experiment, >= 1; base, base+1, … */
	bool until_fail; /* go on with further seeds until one is not "holds" */
	int64_t jobs;
	const char *out; /* results folder */
	const char *cache; /* prepared data; NULL: OUT/.cache */
	int keep;	 /* enum store_keep */
	bool hold;	 /* violated trials stand until somebody sets `released` in tick */
	int argc;	 /* for the manifest */
	char *const *argv;
	struct suite_hooks hooks;
};

/** struct suite - all results, in the order of their numbers. */
struct suite {
	struct suite_result *at;
	size_t count;
	int signal; /* SIGINT, SIGTERM: stopped by it; 0 */
};

/** suite_hold_signals - from now on SIGINT and SIGTERM wait for suite_run. Call before loading. */
void suite_hold_signals(void);
/** suite_run - run it. Negative only when nothing could be started. */
int suite_run(const struct suite_opts *o, struct suite *ret, struct err *e);
void suite_done(struct suite *s);
/** suite_verdict - the worst of all: broken > violated > unsupported > inconclusive > holds. */
enum verdict suite_verdict(const struct suite *s);

/** struct tally - trials of one experiment, counted. */
struct tally {
	int64_t trials, by[VERDICTS_COUNT];
	double low, high; /* 95 % confidence interval of the share violated (Wilson) */
};
/** suite_tally - of experiment x, or of all with x < 0. Unsupported and broken trials are counted
 * but are no observations: the interval is over those that were judged. */
struct tally suite_tally(const struct suite *s, int64_t x);
/** tally_judged - trials that say something about the share violated: violated or holds. */
int64_t tally_judged(const struct tally *t);

#endif
