/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_SHIM_TOLD_H
#define WD_SHIM_TOLD_H

/*
 * What a clock tells under the rules, and when a deadline on a told clock
 * really is. Pure: no clock is read here. Used by the preloaded library.
 */
#include "shim/page.h"

/** told_at - @service's clock at real time @real. *ret_by: bit n: rule n of the table alters it. */
int64_t told_at(const struct shim_table *t, unsigned service, enum shim_clock clock, int64_t real,
		uint32_t *ret_by);
/**
 * told_deadline - the real time at which the clock will tell @told, as of @now (real). A clock that
 * stands still would never: then as long as if it ran. What has passed already is returned as some
 * time not after @now.
 */
int64_t told_deadline(const struct shim_table *t, unsigned service, enum shim_clock clock,
		      int64_t now, int64_t told);

#endif
