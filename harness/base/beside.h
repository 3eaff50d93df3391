/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_BESIDE_H
#define WD_BASE_BESIDE_H

/*
 * A process of ours beside the worker: forked, not executed. It has a session of
 * its own, hears none of the signals that end a worker politely, keeps only the
 * descriptors it was given, and dies with the worker.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

/** struct beside - the worker's end. */
struct beside {
	pid_t pid;
	int pidfd, ctl; /* owned; ctl: one end of a SEQPACKET socket */
};
#define BESIDE_NONE { .pidfd = -1, .ctl = -1 }
/* In the process: the other end, and from BESIDE_FD_MORE on what it was given, in order. */
enum { BESIDE_FD_CTL = 3, BESIDE_FD_MORE };
#define BESIDE_FDS_MAX 256

struct beside_opts {
	const char *name;         /* of the process; 15 characters at most are shown */
	const int *fds;           /* borrowed */
	size_t fds_count;
	void (*main)(void *arg);  /* runs there; the process ends when it returns */
	void *arg;
};
/** beside_fork - *ret is BESIDE_NONE before. After a failure too: beside_end. */
int beside_fork(struct beside *ret, const struct beside_opts *o, struct err *e);
/** beside_end - kill, reap, close; again and on a half-made one as well. */
void beside_end(struct beside *b);
bool beside_alive(const struct beside *b);

#endif
