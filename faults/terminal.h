/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_TERMINAL_H
#define WD_FAULTS_TERMINAL_H

/* What the faults of card terminals share: which terminals, arming a rule, telling its hits. */
#include "faults/fault.h"
#include "terminal/rule.h"

/** struct terminal_opts - must be the first member, `terminal`, of the options of such a fault. */
struct terminal_opts {
	struct strlist device; /* names or patterns of terminals */
	double rate;
};
/** TERMINAL_ROWS - option rows; struct @owner starts with `struct terminal_opts terminal`. */
#define TERMINAL_ROWS(owner) \
	{ .name = "device", .type = OPT_STRLIST, \
	  .offset = offsetof(struct owner, terminal.device), \
	  .help = "which: hosts like terminal-lane-1, or patterns", \
	  .example = "terminal-lane-1" }, \
	{ .name = "rate", .type = OPT_RATIO, .offset = offsetof(struct owner, terminal.rate), \
	  .def = "100%", .help = "the chance of each payment, drawn from the seed for the " \
	  "terminal and how many-eth of its it is", .example = "20%" }

/** struct terminal_state - such a fault's state: one rule. */
struct terminal_state {
	struct run *run;
	unsigned id;
	bool armed;
};

void terminal_check(const void *opts, struct mark at, struct diag *d);
int terminal_check_target(const void *opts, const struct target *t, struct mark at,
			  struct diag *d);
/** terminal_rule - a rule of this effect with all that the shared options say. */
struct terminal_rule terminal_rule(const struct run *r, const struct terminal_opts *o,
				   enum terminal_effect effect);
/** terminal_arm - hand the rule to the terminals; hits become fired events. */
int terminal_arm(struct run *r, const struct terminal_rule *rule, void *state, struct err *e);
int terminal_disarm(struct run *r, const void *opts, void *state, struct err *e);
/** terminal_describe - " (terminal-lane-1; 20 % of payments)". */
void terminal_describe(const struct terminal_opts *o, struct buf *out);

/** TERMINAL_HOOKS - the members of struct fault_ops that are the same for all of them. */
#define TERMINAL_HOOKS \
	.layer = LAYER_DEVICE, .cost = "none", .privilege = "user namespaces", \
	.state_size = sizeof(struct terminal_state), .counts_hits = true, \
	.check_target = terminal_check_target, .disarm = terminal_disarm

#endif
