/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_COVERAGE_H
#define WD_TRIAL_COVERAGE_H

/* What of the target the faults inside its processes can reach, and what they reached: as notes. */
struct ledger;
struct stage;
struct target;

/** coverage_begin - of each service that may have our library: what its program is. */
void coverage_begin(struct stage *st, const struct target *t, struct ledger *l);
/** coverage_end - how many of its processes have loaded it. */
void coverage_end(struct stage *st, const struct target *t, struct ledger *l);

#endif
