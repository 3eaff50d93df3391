/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_COVERAGE_H
#define WD_TRIAL_COVERAGE_H

/* What of the target the faults on its calls and inside its processes can reach, and what they
 * reached: rows for the report, a line at start-up, notes among the events. */
#include <stddef.h>

struct buf;
struct calls_watch;
struct ledger;
struct stage;
struct target;
struct trial_reach;

/** struct coverage - set all but the rows, which are owned: trial_reach_done. */
struct coverage {
	struct stage *stage;
	const struct target *target;
	const struct calls_watch *watch; /* what faults on calls ask for */
	size_t watches;
	struct trial_reach *at;
	size_t count;
};
/** coverage_begin - of each service: what its program is, who sees it. @l: NULL: no notes. */
void coverage_begin(struct coverage *c, struct ledger *l);
/** coverage_words - one line, services that are alike together; nothing when no fault is about
 * system calls or acts inside a process. */
void coverage_words(const struct coverage *c, struct buf *out);
/** coverage_end - what was seen of each service. */
void coverage_end(struct coverage *c, struct ledger *l);

#endif
