/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CALLS_APART_H
#define WD_CALLS_APART_H

/*
 * A process beside the worker (base/beside.h) that takes orders over its socket,
 * and tells through memory that both share and a bell that wakes the worker's loop.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/beside.h"
#include "base/loop.h"

struct err;

/** struct apart - the worker's end. Zero-initialise but for the descriptors: APART_NONE. */
struct apart {
	const char *name;    /* borrowed, static: of the process, and in messages */
	struct beside process;
	struct loop_fd bell; /* its descriptor is owned */
	void *shared;        /* mapped */
	size_t shared_bytes;
};
#define APART_NONE { .process = BESIDE_NONE, .bell = { .fd = -1 } }

#define APART_FDS_MAX 4
/* What the process finds open: these and, from APART_FD_MORE on, what it was given. */
enum { APART_FD_CTL = BESIDE_FD_CTL, APART_FD_BELL, APART_FD_MORE };

struct apart_opts {
	const char *name;
	size_t shared_bytes;
	int fds[APART_FDS_MAX]; /* borrowed */
	unsigned fds_count;
	/* runs in the new process; signals that end a worker politely are ignored in it */
	void (*main)(void *arg, void *shared);
	void *arg;
};

/** apart_start - memory first (zeroed), then the process. After a failure: apart_stop. */
int apart_start(struct apart *s, const struct apart_opts *o, struct err *e);
/** apart_stop - kill, reap, unmap; accepts a half-started one. The bell must not be watched. */
void apart_stop(struct apart *s);
/** apart_order - send, and wait for the answer, an int; a negative errno becomes words. */
int apart_order(struct apart *s, const void *order, size_t len, const char *what, struct err *e);
bool apart_alive(const struct apart *s);
/** apart_ring - in the process: wake the worker's loop. */
void apart_ring(void);
/** apart_rung - in the worker's bell callback: stop its ringing. */
void apart_rung(struct apart *s);

#endif
