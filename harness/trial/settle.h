/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_SETTLE_H
#define WD_TRIAL_SETTLE_H

/*
 * Settling: after the heal the target gets time to come to rest, so that a
 * sale that is merely late is not called lost. At rest means: every service is
 * in its expected state, the offline queue (where the books show it) is empty,
 * and the books are equal over two readings; over two seconds of them, when a
 * fault did something or a shopper was not told ok, for a sale that nobody waits
 * for may come late, or once more. While an acknowledged sale is
 * still missing from the books and the queue cannot be seen, the whole
 * settling time is granted, because it may yet arrive.
 */
#include <stdbool.h>
#include <stdint.h>

struct experiment;
struct hosts;
struct loop;
struct settle;
struct stage;
struct target;
struct told;

/** settle_new - borrows all; caller frees. */
struct settle *settle_new(const struct experiment *x, const struct target *t,
			  const struct hosts *h);
void settle_free(struct settle *s);
/** settle_told - remember what must appear in the books. */
void settle_told(struct settle *s, const struct told *told);
/** settle_disturbed - something went wrong on this day: look longer. */
void settle_disturbed(struct settle *s);
/**
 * settle_wait - run the loop until the target is at rest, the cap passes or
 * *stop. *ret_ns: clock time of rest, or -1 when it never came to rest.
 */
void settle_wait(struct settle *s, struct stage *st, struct loop *loop, bool *stop,
		 int64_t *ret_ns);

#endif
