/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_CLOCK_H
#define WD_BASE_CLOCK_H

#include <stdint.h>

/*
 * Every clock read, sleep and deadline of the harness goes through this file
 * (a later virtual time replaces it in one place). Time is int64 nanoseconds.
 */
#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/** clock_now - CLOCK_MONOTONIC in ns. */
int64_t clock_now(void);
/** clock_wall - CLOCK_REALTIME in ns since the epoch; for file names and manifests only. */
int64_t clock_wall(void);
/**
 * clock_prompt - this process and those threads that it starts from now on are on a core soon after
 * waking, however busy the host is: a short slice means an early deadline (sched(7), Linux 6.12).
 * It takes no privilege and no more of the core; where it is unknown everything works as before.
 */
void clock_prompt(void);
/** clock_sleep_until - sleep to an absolute clock_now() time; for tools and tests, not the loop. */
void clock_sleep_until(int64_t at_ns);

#endif
