/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_PAYMENT_H
#define WD_FAULTS_PAYMENT_H

/* What the faults of the bank share: which requests, arming a rule, telling its hits. */
#include "bank/rule.h"
#include "faults/fault.h"

/** struct payment_opts - must be the first member, `payment`, of the options of a bank fault. */
struct payment_opts {
	struct strlist op;   /* words of bank_op_names, or any */
	struct strlist from; /* nodes or patterns; empty: all */
	double rate;
};
/** PAYMENT_OP, ... - option rows; struct @owner starts with `struct payment_opts payment`. */
#define PAYMENT_OP(owner, def_) \
	{ .name = "op", .type = OPT_STRLIST, .offset = offsetof(struct owner, payment.op), \
	  .def = def_, .help = "only these: authorise, capture, reverse, inquire, or any", \
	  .example = "[authorise, reverse]" }
#define PAYMENT_RATE(owner) \
	{ .name = "rate", .type = OPT_RATIO, .offset = offsetof(struct owner, payment.rate), \
	  .def = "100%", .help = "the chance of each request, drawn from the seed for its " \
	  "reference and how many-eth of its kind it is", .example = "20%" }
#define PAYMENT_FROM(owner) \
	{ .name = "from", .type = OPT_STRLIST, .offset = offsetof(struct owner, payment.from), \
	  .optional = true, .help = "only requests of these nodes (or patterns)", \
	  .example = "lane-2" }
#define PAYMENT_ROWS(owner, def_) \
	PAYMENT_OP(owner, def_), PAYMENT_FROM(owner), PAYMENT_RATE(owner)

/** struct payment_state - a bank fault's state: one rule. */
struct payment_state {
	struct run *run;
	unsigned id;
	bool armed;
};

extern const struct opt_value payment_silences[];
/** payment_silent - is it the payment_silences choice that says nothing at all? */
static inline bool payment_silent(int choice)
{
	return choice == 0;
}
/** payment_code_check - an answer code is two digits or letters. */
void payment_code_check(const char *code, struct mark at, struct diag *d);
/** payment_check, payment_check_target - a bank fault's. */
void payment_check(const void *opts, struct mark at, struct diag *d);
int payment_check_target(const void *opts, const struct target *t, struct mark at,
			 struct diag *d);
/** payment_rule - a rule of this effect with all that the shared options say. */
struct bank_rule payment_rule(const struct run *r, const struct payment_opts *o,
			      enum bank_effect effect);
/** payment_arm - hand the rule to the bank; hits become fired events. */
int payment_arm(struct run *r, const struct bank_rule *rule, void *state, struct err *e);
int payment_disarm(struct run *r, const void *opts, void *state, struct err *e);
/** payment_describe - " (authorise, reverse; 20 % of requests)"; nothing when it is all of them. */
void payment_describe(const struct payment_opts *o, struct buf *out);

/** PAYMENT_HOOKS - the members of struct fault_ops that are the same for all of them. */
#define PAYMENT_HOOKS \
	.layer = LAYER_BANK, .cost = "none", .privilege = "user namespaces", \
	.state_size = sizeof(struct payment_state), .counts_hits = true, \
	.check_target = payment_check_target, .disarm = payment_disarm

#endif
