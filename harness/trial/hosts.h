/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_HOSTS_H
#define WD_TRIAL_HOSTS_H

/* The hosts on the wire that the harness plays during a trial: the bank, the counter's devices. */
#include <stdbool.h>

struct bank;
struct counter;
struct err;
struct experiment;
struct ledger;
struct loop;
struct stage;
struct target;
struct terminals;

/** struct hosts - NULL: the target has none of the kind. */
struct hosts {
	struct bank *bank;       /* owned */
	struct counter *counter; /* owned */
	struct terminals *terminals; /* owned */
	struct stage *stage;     /* borrowed; NULL: never opened */
};
/** hosts_open - they answer when this returns. The ledger gets what they see. */
int hosts_open(struct hosts *ret, struct stage *st, const struct target *t,
	       const struct experiment *x, struct loop *loop, struct ledger *l, struct err *e);
/** hosts_alive - -EPIPE with words when a process of theirs is gone. */
int hosts_alive(const struct hosts *h, struct err *e);
/** hosts_sync - nothing more will come: all that they have seen is in the ledgers. */
int hosts_sync(const struct hosts *h, struct err *e);
/** hosts_owe - is any of them still about something that will change a ledger? A terminal that
 * owes the bank a reversal is. */
bool hosts_owe(const struct hosts *h);
/** hosts_close - before the stage is freed; accepts what was never opened. */
void hosts_close(struct hosts *h);

#endif
