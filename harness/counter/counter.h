/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_COUNTER_COUNTER_H
#define WD_COUNTER_COUNTER_H

/*
 * The devices on the counter. Each device that the target file declares is a
 * host on the wire or a serial line in a node's /dev; one process of ours with a
 * loop of its own plays them all.
 * What they did is the ledgers `paper` and `drawer`, written as it happens.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/target.h"
#include "counter/rule.h"

struct counter;
struct err;
struct ledger;
struct loop;

struct counter_opts {
	const struct target *target;
	struct loop *loop;     /* borrowed for life, like the ledger */
	struct ledger *ledger;
	/* a socket inside the network namespace of a node; -errno */
	int (*socket)(void *arg, const char *node, int domain, int type, int protocol);
	/* the process whose /dev is that of a node; 0: the node has no power */
	pid_t (*init)(void *arg, const char *node);
	void *arg;
};
/** counter_open - they answer when this returns. -ENODEV: the target has none. */
int counter_open(struct counter **ret, const struct counter_opts *o, struct err *e);
void counter_close(struct counter *c);
int counter_alive(const struct counter *c, struct err *e);
/** counter_sync - all that has happened so far is in the ledgers when this returns. @last: what
 * was never cut is written down as it hangs out of the printers. */
int counter_sync(struct counter *c, bool last, struct err *e);
/** counter_rule_add, counter_rule_del - as bank_rule_add, _del. A device whose paper or cover is
 * put right goes on with what it has in its buffer. */
int counter_rule_add(struct counter *c, const struct counter_rule *r,
		     void (*fn)(void *arg, const struct counter_hit *h), void *arg,
		     unsigned *ret_id, struct err *e);
int counter_rule_del(struct counter *c, unsigned id, struct err *e);
/** counter_printed - @fn hears of every line on paper, "CUT" and "PULSE"; NULL: nobody. */
int counter_printed(struct counter *c, void (*fn)(void *arg, const struct node *device,
		    const char *text, size_t len), void *arg, struct err *e);
/**
 * counter_power - a device loses its power, or has it again: it forgets what it had not printed,
 * and its connections. Whoever cuts it off the wire does so before; what hangs on a serial line is
 * unplugged, and comes back as @as in /dev (NULL: as what it was). What that takes from somebody
 * is a hit of COUNTER_GONE: the file that a client has open, bytes, half a receipt.
 */
int counter_power(struct counter *c, unsigned node, bool on, const char *as, struct err *e);
/** counter_booted - a node has a new /dev: the devices that stand there are plugged in again. */
int counter_booted(struct counter *c, const char *node, struct err *e);
/** counter_right - somebody has put paper and cover of a device in order. */
int counter_right(struct counter *c, unsigned node, struct err *e);

#endif
