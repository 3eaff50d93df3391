/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_NOISE_H
#define WD_TRIAL_NOISE_H

#include <stdint.h>

/** struct noise - what the host itself did meanwhile: /proc/stat steal and PSI cpu pressure. */
struct noise {
	int64_t steal_ticks, all_ticks; /* proc(5), /proc/stat first line */
	int64_t some_us;                /* /proc/pressure/cpu "some total"; -1: there is none */
	int64_t at_ns;
};

/** noise_read - the counters now. Missing files leave zero or -1. */
void noise_read(struct noise *ret);
/** noise_steal - share 0..1 of CPU time stolen between two readings. */
double noise_steal(const struct noise *from, const struct noise *to);
/** noise_pressure - share 0..1 of time some task waited for a CPU; < 0 unknown. */
double noise_pressure(const struct noise *from, const struct noise *to);

#endif
