/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_REPLAY_H
#define WD_EXPLORE_REPLAY_H

#include <stddef.h>

struct buf;
struct err;

/** struct replay_diff - decisions of two trials of the same seed, matched by fault, object and hit.
 */
struct replay_diff {
	size_t same, changed, only_then, only_now;
};
/**
 * replay_compare - compare what fired; a line for each difference (at most 20)
 * goes to out. Decisions are repeated, schedules are not: a hit that was never
 * reached again is listed, not an error.
 */
int replay_compare(const char *then_dir, const char *now_dir, struct replay_diff *ret,
		   struct buf *out, struct err *e);

#endif
