/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_SPIN_H
#define WD_BASE_SPIN_H

/*
 * Whether to stay awake for the next packet. Pure but for a look at the machine's cores: who waits
 * tells what came of it.
 */
#include <stdbool.h>
#include <stdint.h>

#define SPIN_NS 50000       /* at most, for one packet */
#define SPIN_CROWD_NS 1000000 /* how long nobody looks again whether there are cores to spare */
#define SPIN_GAP_NS 30000   /* between two polls: the core was somebody else's */
#define SPIN_SKIP_MAX 63    /* turns without, after many in vain: one in 64 tries again */

enum spin_came { SPIN_PACKET, SPIN_NOTHING, SPIN_PUSHED, SPIN_CUT_SHORT };

/** struct spin - one waiting process. */
struct spin {
	int load;           /* owned: /proc/loadavg, or -1 */
	unsigned cpus;      /* that it may run on */
	unsigned skip, pause;
	int64_t crowded_until_ns;
};

/** spin_init - cannot fail: where the cores cannot be looked at, nobody spins. */
void spin_init(struct spin *s);
void spin_done(struct spin *s);
/** spin_until - until when to poll for the next packet; 0: sleep at once. */
int64_t spin_until(struct spin *s, int64_t now);
/** spin_end - what came of it. SPIN_PUSHED: the core was taken away meanwhile; SPIN_CUT_SHORT:
 * there was something else to do. */
void spin_end(struct spin *s, enum spin_came came);

#endif
