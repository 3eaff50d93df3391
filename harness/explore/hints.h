/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_HINTS_H
#define WD_EXPLORE_HINTS_H

/*
 * What an experiment amounts to, reckoned before it is run: is the shop offered
 * more than its lanes can serve, and do the faults come while it is open? Only
 * human times are known beforehand; the POS's own time comes on top of them.
 */
#include <stddef.h>

struct buf;
struct plan_entry;

/** hints_load - "3 shoppers a minute at 2 lanes of 54.8 s each: 137 % of what they can serve". */
void hints_load(const struct plan_entry *e, struct buf *out);
/**
 * hints_warn - what is valid and yet hardly meant, one "FILE:LINE:COL: warning: ..." line each:
 * more shoppers than the lanes can serve where the queue matters, a fault after the day's expected
 * end or after more sales than shoppers come, or for less than a checkout. Returns how many.
 */
size_t hints_warn(const struct plan_entry *e, struct buf *out);

#endif
