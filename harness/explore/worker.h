/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_WORKER_H
#define WD_EXPLORE_WORKER_H

#include "explore/suite.h"

/** struct job - one trial to run; sent to a worker as it is. */
struct job {
	int64_t number, experiment, seed;
	bool good_vague; /* this suite's good day for all seeds was inconclusive: not again */
};

/**
 * worker_main - the life of a worker: jobs from fd, one suite_result back for
 * each, until fd closes. Never returns. @base_seed: of the suite (baseline: once).
 */
_Noreturn void worker_main(const struct suite_opts *o, int fd, struct trial_live *live);
/** suite_base_seed - the first seed of an experiment in this suite. */
int64_t suite_base_seed(const struct suite_opts *o, const struct experiment *x);

#endif
