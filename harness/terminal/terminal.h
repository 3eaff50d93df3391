/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TERMINAL_TERMINAL_H
#define WD_TERMINAL_TERMINAL_H

/*
 * The card terminals. Each lane's `terminal` is a host on the wire that speaks
 * ZVT with its till and ISO 8583 with the bank; one process of ours plays them
 * all. The card is the shopper's, so the sale that a payment belongs to is
 * known from whoever stands at the lane, not from what the till says.
 */
#include <stdbool.h>
#include <stdint.h>

#include "conf/target.h"
#include "terminal/rule.h"

struct err;
struct loop;
struct terminals;

struct terminals_opts {
	const struct target *target; /* with terminals and a bank that speaks ISO 8583 */
	struct loop *loop;           /* borrowed for life */
	int64_t pace_milli;          /* people at terminals live in shop time */
	/* a socket inside the network namespace of a node; -errno */
	int (*socket)(void *arg, const char *node, int domain, int type, int protocol);
	/* the address of a node as text */
	const char *(*address)(void *arg, const char *node);
	void *arg;
};
/** terminals_open - they answer when this returns. */
int terminals_open(struct terminals **ret, const struct terminals_opts *o, struct err *e);
void terminals_close(struct terminals *t);
int terminals_alive(const struct terminals *t, struct err *e);
/** terminals_card - who stands at this lane with a card in the hand from now on; key NULL: nobody.
 * Until this is called for the first time, somebody whom nobody knows does. */
int terminals_card(struct terminals *t, const char *lane, const char *key, struct err *e);
/** terminals_owe - how many reversals the bank has not taken yet, and payments under way. */
int terminals_owe(struct terminals *t, struct err *e);
/** terminals_rule_add, terminals_rule_del - as bank_rule_add, _del. */
int terminals_rule_add(struct terminals *t, const struct terminal_rule *r,
		       void (*fn)(void *arg, const struct terminal_hit *h), void *arg,
		       unsigned *ret_id, struct err *e);
int terminals_rule_del(struct terminals *t, unsigned id, struct err *e);

#endif
