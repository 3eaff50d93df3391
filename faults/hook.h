/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_HOOK_H
#define WD_FAULTS_HOOK_H

/*
 * What the faults inside a service's process share: whose, may the library be
 * preloaded into it, arming a rule in each node, telling its hits.
 */
#include "faults/fault.h"
#include "shim/shim.h"

/** struct hook_opts - must be the first member, `hook`, of the options of such a fault. */
struct hook_opts {
	struct strlist node;  /* names or patterns */
	char *service;        /* owned; NULL: all of the node */
};

/** HOOK_NODE, HOOK_SERVICE - option rows; struct @owner starts with `struct hook_opts hook`. */
#define HOOK_NODE(owner) \
	{ .name = "node", .type = OPT_STRLIST, .offset = offsetof(struct owner, hook.node), \
	  .help = "in whose services: nodes or patterns", .example = "store" }
#define HOOK_SERVICE(owner) \
	{ .name = "service", .type = OPT_STRING, .offset = offsetof(struct owner, hook.service), \
	  .optional = true, .help = "only in this service, or pattern", .example = "store/store" }

/** struct hook_state - a fault's state: one rule in each node. */
struct hook_state {
	struct run *run;
	void (*words)(const struct shim_hit *h, char *ret, size_t len);
	struct hook_armed *at; /* owned */
	size_t count;
};

/** hook_check_target, hook_reach - such a fault's. hook_reach: unsupported where a program takes
 * no library, or is known to go past it. */
int hook_check_target(const void *opts, const struct target *t, struct mark at, struct diag *d);
int hook_reach(const void *opts, const struct target *t, char *why, size_t why_len);
/** hook_rule - a rule of this effect with name, seed and gate of the run; chance 1. */
struct shim_rule hook_rule(const struct run *r, enum shim_effect effect);
/** hook_arm - hand the rule to each node's library; @words: what happened to one call. */
int hook_arm(struct run *r, const struct shim_rule *rule, const struct hook_opts *o,
	     void (*words)(const struct shim_hit *h, char *ret, size_t len), void *state,
	     struct err *e);
/** hook_disarm, hook_release - such a fault's. */
int hook_disarm(struct run *r, const void *opts, void *state, struct err *e);
void hook_release(struct run *r, void *state);
/** hook_describe - "in store (only store/store)". */
void hook_describe(const struct hook_opts *o, struct buf *out);
/** hook_library - that such a fault needs; SHIM_LIBRARIES: it does not act inside a process. */
enum shim_library hook_library(const struct fault_ops *ops);
/** lib_fail_points - those of the target's own that faults of the experiment name: added. */
void lib_fail_points(const struct experiment *x, struct strlist *ret);
/** hook_nodes - patterns of the nodes whose services must load a library, by library: added. */
void hook_nodes(const struct experiment *x, struct strlist ret[SHIM_LIBRARIES]);

/** HOOK_HOOKS - the members of struct fault_ops that are the same for all of them. */
#define HOOK_HOOKS \
	.privilege = "user namespaces", .state_size = sizeof(struct hook_state), \
	.check_target = hook_check_target, .reach = hook_reach, .disarm = hook_disarm, \
	.release = hook_release

#endif
