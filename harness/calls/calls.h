/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CALLS_CALLS_H
#define WD_CALLS_CALLS_H

/*
 * The system calls of a trial's services: which of them are looked at, and
 * what befalls them.
 *
 *   worker ── orders, rules ──► supervisor ◄── notifications ── the services' threads
 *      ◄── hits ──────────────     (one process)   answers ──►
 *
 * A filter is given to a service when it starts and stays: it can neither be
 * taken away nor changed. It names the calls that any fault of the experiment
 * may be about; whether one is armed, only the supervisor knows.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "calls/rule.h"

struct calls;
struct err;
struct loop;

/** struct calls_watch - calls that some fault may be about, and whose. */
struct calls_watch {
	uint64_t nodes[CALLS_NODES_MAX / 64];
	char service[CALLS_NAME]; /* pattern; "": all of the nodes */
	struct calls_set calls;
	struct calls_arg arg[CALLS_ARGS]; /* only calls with these values */
	uint32_t args;
};

/** calls_watched - add the calls looked at for service ("node/service") of node `node` to
 * *ret. False: none of these watches is about it. */
bool calls_watched(const struct calls_watch *watch, size_t count, unsigned node,
		   const char *service, struct calls_set *ret);

/** struct calls_node - how a node is called and reached: for peers. Strings are copied. */
struct calls_node {
	char name[64], addr4[16], addr6[40];
};

struct calls_opts {
	const struct calls_watch *watch; /* borrowed, as long as the calls live */
	size_t watch_count;
	const struct calls_node *nodes;  /* borrowed until calls_new returns */
	size_t nodes_count;
};

/** calls_new - fork the supervisor. -EOPNOTSUPP in words where the kernel cannot notify. */
int calls_new(struct calls **ret, const struct calls_opts *o, struct err *e);
/** calls_free - kill it: who is held then hears ENOSYS, so end the services before. */
void calls_free(struct calls *c);
/** calls_alive - -EPIPE with words when the supervisor died. */
int calls_alive(struct calls *c, struct err *e);

/** struct calls_program - a filter, as the kernel takes it. */
struct calls_program {
	const void *code;  /* struct sock_filter */
	uint32_t bytes;    /* 0: nothing is looked at */
};
/** calls_program - for a service ("node/service") of node `node`. Borrowed; kept by c. */
int calls_program(struct calls *c, unsigned node, const char *service, struct calls_program *ret,
		  struct err *e);
/** calls_door - where a keeper hands listeners in; borrowed. */
int calls_door(const struct calls *c);

/** calls_rule_add - in effect on return. The hook is called from the loop, and from rule_del. */
int calls_rule_add(struct calls *c, struct loop *loop, const struct calls_rule *rule,
		   void (*fn)(void *arg, const struct calls_hit *h), void *arg, unsigned *ret_id,
		   struct err *e);
/** calls_rule_del - over on return: who it held goes on; its last hits have been told. */
int calls_rule_del(struct calls *c, unsigned id, struct err *e);

/**
 * calls_on_sync - sync() and syncfs() of the processes of these nodes (bits by index) are told and
 * held until the hook has returned: for a disk that must know that all of it is durable now. Call
 * before any service starts; a calls_watch must name the two calls for those nodes. @process:
 * "store/store/0". @all: sync(), not syncfs().
 */
int calls_on_sync(struct calls *c, struct loop *loop,
		  const uint64_t nodes[CALLS_NODES_MAX / 64],
		  void (*fn)(void *arg, unsigned node, const char *process, bool all), void *arg,
		  struct err *e);

#define CALLS_SERVICES_MAX 256
/** struct calls_facts - what was seen of one service so far. */
struct calls_facts {
	char service[CALLS_NAME]; /* "store/store" */
	uint64_t calls;           /* notified */
	uint64_t altered;
	uint64_t rings;           /* attempts to use io_uring, all denied */
	uint64_t listeners;       /* attempts to be notified itself: the kernel says EBUSY */
	uint64_t foreign;         /* 32-bit calls: seen, and left alone */
};
/** calls_facts - of the services that have a filter; returns how many. */
size_t calls_facts(struct calls *c, struct calls_facts *ret, size_t max);

/** calls_try - doctor: does this kernel notify, and how well? Runs in a child that it forks. */
int calls_try(char *ret_words, size_t len, struct err *e);

/* ---- in a keeper and in the child that will be the service ---- */

/** struct calls_page - in memory that both share (zeroed): the descriptor is handed over in it. */
struct calls_page {
	int32_t fd;     /* 0: not yet; else the child's listener */
	int32_t taken;
	int32_t killable; /* the kernel lets nothing but death end a call that waits for us */
};
/**
 * calls_install - in the child, with no_new_privs set, last thing before its exec: install the
 * filter and wait until the keeper has taken the listener. 0 or -errno.
 */
int calls_install(const struct calls_program *p, struct calls_page *page);
/**
 * calls_take - in the keeper: wait for the child's listener, hand it in at the door. @failing: a
 * descriptor that becomes readable when the child has failed; then 0 and nothing was taken.
 */
int calls_take(struct calls_page *page, int pidfd, int failing, int door, unsigned node,
	       const char *process);

#endif
