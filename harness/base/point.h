/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_POINT_H
#define WD_BASE_POINT_H

/*
 * Failure points of the harness itself, for its own tests: libfiu's. They are in every build, so
 * what is tested is what is used, and off unless WORSTDAY_FAIL asks: a load and a branch each.
 *
 *   WORSTDAY_FAIL=ledger/write:3     the third time that any process of ours gets there, it fails
 *   WORSTDAY_FAIL=store/sync:1,base/alloc:900
 *
 * Whatever fails, a trial may be broken then, and must never be anything else that it would not be
 * without.
 */
#include <errno.h>
#include <stdbool.h>

enum point {
	POINT_ALLOC, POINT_FORK, POINT_ORDER, POINT_WAIT, POINT_LEDGER_OPEN, POINT_LEDGER_READ,
	POINT_LEDGER_SYNC, POINT_LEDGER_WRITE, POINT_MOUNT, POINT_STORE_MAKE, POINT_STORE_RENAME,
	POINT_STORE_SYNC, POINT_STORE_WRITE, POINTS
};

/** points_begin - in main, before anything else: as @text (WORSTDAY_FAIL; NULL: none) says.
 * -EINVAL: it names no point; then points_name() tells those there are. */
int points_begin(const char *text);
/** points_name - of point @i; NULL: there are no more. */
const char *points_name(unsigned i);

extern bool points_asked;
/** point_ask - the errno to fail with, or 0. */
int point_ask(enum point p);
/** point_fails - at the place itself: when it does, errno says how. */
static inline bool point_fails(enum point p)
{
	int error = __builtin_expect(points_asked, false) ? point_ask(p) : 0;

	if (error)
		errno = error;
	return error;
}

#endif
