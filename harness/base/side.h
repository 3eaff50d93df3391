/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_SIDE_H
#define WD_BASE_SIDE_H

/*
 * A process of ours beside the worker, with a loop of its own, so that nothing
 * the worker does delays it: the bank, the devices on the counter. One socket
 * joins the two. The worker sends orders and waits for each one's answer; the
 * process sends news whenever it has some. Both ways keep their order, and
 * nothing is lost: what the socket does not take yet waits in the process. So
 * whatever happened before an order is told before its answer.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/beside.h"

struct err;
struct loop;
struct side;
struct side_far;

#define SIDE_MESSAGE_MAX ((size_t)128 << 10)
#define SIDE_FDS_MAX BESIDE_FDS_MAX

struct side_opts {
	const char *name;     /* "bank": of the process, and for messages */
	/* in the process; side_serve() is what it is for. *fds: those below, in their order */
	void (*run)(struct side_far *far, const int *fds, void *arg);
	void *arg;
	const int *fds;       /* that it keeps; all others are closed in it */
	size_t fds_count;
	struct loop *loop;    /* the worker's, borrowed for life */
	void (*news)(void *arg, const void *message, size_t len);
	void *news_arg;
};
/** side_new - fork it. It dies with the worker: by PR_SET_PDEATHSIG and by end of file. */
int side_new(struct side **ret, const struct side_opts *o, struct err *e);
void side_free(struct side *s);
/** side_alive - -EPIPE with words when it is gone (the trial is then broken). */
int side_alive(const struct side *s, struct err *e);
/**
 * side_call - one order, in effect when this returns: what the process answered, >= 0, or negative
 * errno with words ("the bank refused @what"). News that came before the answer are told first.
 */
int side_call(struct side *s, const void *order, size_t len, const char *what, struct err *e);

/**
 * side_door - a socket that listens on a port of a node, for the process to accept from.
 * @make: a socket inside the network namespace of a node, or -errno. Caller closes.
 */
int side_door(int (*make)(void *arg, const char *node, int domain, int type, int protocol),
	      void *arg, const char *node, int port, int backlog, struct err *e);

/* ---- in the process ---- */

/** side_loop - its loop; borrowed. */
struct loop *side_loop(struct side_far *f);
/** side_tell - news for the worker; never waits. @len at most SIDE_MESSAGE_MAX. */
void side_tell(struct side_far *f, const void *message, size_t len);
/** side_serve - run its loop until the worker is gone. @order: answers an order, >= 0 or -errno. */
void side_serve(struct side_far *f, int (*order)(void *arg, const void *message, size_t len),
		void *arg);

#endif
