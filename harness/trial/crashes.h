/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_CRASHES_H
#define WD_TRIAL_CRASHES_H

/*
 * `power.cut: {explore: N}`: from the one run that there was, every state that a power cut at any
 * point of it could have left, tried one by one.
 */
#include <stdbool.h>
#include <stdint.h>

struct crash_facts;
struct err;
struct experiment;
struct ledger;
struct stage;
struct target;

struct crashes_in {
	const struct experiment *experiment;
	const struct target *target;
	struct stage *stage;    /* all has stopped; a cell afterwards */
	struct ledger *ledger;
	const char *dir;        /* where the ledger writes */
	int64_t epoch_ns, seed;
	const bool *stop;       /* somebody wants to go home */
};
/** crashes_wanted - does any fault explore? */
bool crashes_wanted(const struct experiment *x);
/** crashes_try - *ret is heap, also on failure; NULL when there was nothing to explore. < 0: the
 * harness failed. */
int crashes_try(const struct crashes_in *in, struct crash_facts **ret, struct err *e);

#endif
