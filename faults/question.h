/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_QUESTION_H
#define WD_FAULTS_QUESTION_H

/* What the faults on names share: whose questions, about what; arming a rule, telling its hits. */
#include "faults/fault.h"
#include "wire/names.h"

/** struct question_opts - must be the first member, `question`, of the options of a dns fault. */
struct question_opts {
	char *node, *name;
	int type;       /* enum wire_dns_type */
	double rate;
};

extern const struct opt_value question_types[];

#define QUESTION_ROWS(owner) \
	{ .name = "node", .type = OPT_STRING, .offset = offsetof(struct owner, question.node), \
	  .def = "*", .help = "whose questions: a node or a pattern", .example = "lane-*" }, \
	{ .name = "name", .type = OPT_STRING, .offset = offsetof(struct owner, question.name), \
	  .def = "*", .help = "about which names: a pattern, with or without ." WIRE_DOMAIN \
	  "; a client that keeps its connection or remembers an answer asks nothing, and what " \
	  "nobody asks cannot fail: a fault that never fired makes the trial inconclusive", \
	  .example = "store" }, \
	{ .name = "type", .type = OPT_ENUM, .offset = offsetof(struct owner, question.type), \
	  .def = "any", .values = question_types, .help = "which kind of question" }, \
	{ .name = "rate", .type = OPT_RATIO, .offset = offsetof(struct owner, question.rate), \
	  .def = "100%", .help = "the chance of each question, drawn from the seed for that " \
	  "question", .example = "20%" }
/** struct question_state - a dns fault's state: one rule. */
struct question_state {
	struct run *run;
	unsigned id;
	bool armed;
};

/** question_check - a dns fault's `check`: the shared options. */
void question_check(const void *opts, struct mark at, struct diag *d);
/** question_check_target - a dns fault's `check_target`: the node exists, and asks. */
int question_check_target(const void *opts, const struct target *t, struct mark at,
			  struct diag *d);
/** question_rule - a rule of this effect with all that the shared options say. */
struct wire_dns_rule question_rule(const struct run *r, const struct question_opts *o,
				   enum wire_dns_effect effect);
/** question_arm - hand the rule to the wire; hits become fired events. */
int question_arm(struct run *r, const struct wire_dns_rule *rule, void *state, struct err *e);
/** question_disarm - a dns fault's `disarm`. */
int question_disarm(struct run *r, const void *opts, void *state, struct err *e);
/** question_describe - "questions of lane-* for store". */
void question_describe(const struct question_opts *o, struct buf *out);

#endif
