/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BANK_BANK_H
#define WD_BANK_BANK_H

/*
 * The payment host. The harness is the bank: a node of the wire whose `bank:`
 * the target file declares, answered by a process of ours with a loop of its
 * own. What it authorised, captured and reversed is the ledger that the POS
 * cannot touch: it is written as it happens, whatever the POS gets to hear.
 */
#include <stdint.h>

#include "bank/rule.h"
#include "conf/target.h"

struct bank;
struct err;
struct ledger;
struct loop;

struct bank_opts {
	const struct target *target; /* with a node that has a `bank:` */
	struct loop *loop;           /* borrowed for life, like the ledger */
	struct ledger *ledger;
	/* a socket inside the network namespace of a node; -errno */
	int (*socket)(void *arg, const char *node, int domain, int type, int protocol);
	void *arg;
};
/** bank_open - it answers when this returns. */
int bank_open(struct bank **ret, const struct bank_opts *o, struct err *e);
void bank_close(struct bank *b);
/** bank_alive - -EPIPE with words when its process is gone. */
int bank_alive(const struct bank *b, struct err *e);
/** bank_sync - all that has happened so far is in the ledger when this returns. */
int bank_sync(struct bank *b, struct err *e);
/**
 * bank_watch - @fn hears of everything that happens to money, as it happens: the answer to whoever
 * asked for it leaves only when @fn has returned. @what: authorised, captured, reversed, declined;
 * @key "" when the sale has none. fn NULL: nobody does any more.
 */
int bank_watch(struct bank *b, void (*fn)(void *arg, const char *what, const char *key), void *arg,
	       struct err *e);
/**
 * bank_rule_add - in effect when this returns; its number in *ret_id. fn is called from the loop
 * for every hit.
 */
int bank_rule_add(struct bank *b, const struct bank_rule *r,
		  void (*fn)(void *arg, const struct bank_hit *h), void *arg, unsigned *ret_id,
		  struct err *e);
/** bank_rule_del - over when this returns; its last hits are told before, and answers that it held
 * back are sent. */
int bank_rule_del(struct bank *b, unsigned id, struct err *e);

#endif
