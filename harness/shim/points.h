/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_SHIM_POINTS_H
#define WD_SHIM_POINTS_H

/*
 * The failure points of libfiu's POSIX preload, and the errno that each gives when an experiment
 * names none: libfiu would draw one from a generator of its own. Its ".../reduce" points draw a
 * length and are left out; call.short and disk.short-write do that by the seed.
 */
#include <stddef.h>

struct shim_point {
	const char *name;
	int error;
};
/** SHIM_POINTS_ENV - names between commas: failure points of the program's own. */
#define SHIM_POINTS_ENV "WORSTDAY_POINTS"
extern const struct shim_point shim_points[];
extern const size_t shim_points_count;

#endif
