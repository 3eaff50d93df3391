/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_CALL_H
#define WD_FAULTS_CALL_H

/* What the faults on system calls share: whose calls, which, arming a rule, telling its hits. */
#include "calls/calls.h"
#include "faults/fault.h"

/** struct call_opts - must be the first member, `call`, of the options of a fault on calls. */
struct call_opts {
	struct strlist node, call;
	char *service, *path, *peer, *process, *thread; /* owned; NULL: any */
	struct strmap args;
	int fd;                 /* enum calls_kind */
	int64_t at_least, at_most;
	int count;              /* enum calls_count */
	double rate;
};

extern const struct opt_value call_kinds[], call_counts[], call_shapes[];

#define CALL_TEXT(owner, key, help_, example_) \
	{ .name = #key, .type = OPT_STRING, .offset = offsetof(struct owner, call.key), \
	  .optional = true, .help = help_, .example = example_ }
/** CALL_ROWS - the shared option rows; struct @owner starts with `struct call_opts call`. */
#define CALL_ROWS(owner) \
	{ .name = "node", .type = OPT_STRLIST, .offset = offsetof(struct owner, call.node), \
	  .help = "whose services: nodes or patterns", .example = "store" }, \
	CALL_TEXT(owner, service, "only what processes of this service do", "store/store"), \
	{ .name = "call", .type = OPT_STRLIST, .offset = offsetof(struct owner, call.call), \
	  .help = "which system calls: a word stands for all that do the same (write: write, " \
	  "pwrite64, writev, ...), the name of one for it, write() for write alone", \
	  .example = "[fsync, write]" }, \
	CALL_TEXT(owner, path, "only on files like this pattern: from / or * the whole path, " \
		  "else from any of its slashes on; through descriptors too", "\"*.db-wal\""), \
	CALL_TEXT(owner, peer, "only on sockets to this peer: a node, node:port or address:port, " \
		  "or a pattern of one", "bank"), \
	CALL_TEXT(owner, process, "only by programs of this name, or pattern", "postgres"), \
	CALL_TEXT(owner, thread, "only by threads of this name, or pattern", "\"pool-*\""), \
	{ .name = "fd", .type = OPT_ENUM, .offset = offsetof(struct owner, call.fd), \
	  .def = "any", .values = call_kinds, .help = "only on descriptors of this kind" }, \
	{ .name = "args", .type = OPT_STRMAP, .offset = offsetof(struct owner, call.args), \
	  .optional = true, .help = "only with these arguments, numbered from 0: a number, or " \
	  "number&mask; decided by the kernel, so other calls cost nothing", \
	  .example = "{1: 1030}" }, \
	{ .name = "at_least", .type = OPT_SIZE, .offset = offsetof(struct owner, call.at_least), \
	  .optional = true, .help = "only calls that are to move so many bytes or more", \
	  .example = "4 KiB" }, \
	{ .name = "at_most", .type = OPT_SIZE, .offset = offsetof(struct owner, call.at_most), \
	  .optional = true, .help = "only calls that are to move so many bytes or fewer", \
	  .example = "64 KiB" }, \
	{ .name = "count", .type = OPT_ENUM, .offset = offsetof(struct owner, call.count), \
	  .def = "fault", .values = call_counts, .help = "what `nth:` counts" }, \
	{ .name = "rate", .type = OPT_RATIO, .offset = offsetof(struct owner, call.rate), \
	  .def = "100%", .help = "the chance of each call, drawn from the seed for that process " \
	  "and how many-eth such call of it that is", .example = "20%" }

/** struct call_late_opts - of the faults that hold a call, before it is made or after. */
struct call_late_opts {
	struct call_opts call;
	struct dur by, jitter;
	int shape;
};
#define CALL_LATE_ROWS \
	{ .name = "by", .type = OPT_DURATION, .offset = offsetof(struct call_late_opts, by), \
	  .domain = DOMAIN_EITHER, .min = "1us", .max = "24h", .example = "300ms", \
	  .help = "how much longer it takes, the mean of it with jitter; to hang, longer than " \
		  "anybody waits" }, \
	{ .name = "jitter", .type = OPT_DURATION, \
	  .offset = offsetof(struct call_late_opts, jitter), .domain = DOMAIN_SYSTEM, \
	  .def = "0s", .min = "0s", .max = "1h", .example = "50ms", \
	  .help = "how much it differs from one to the next" }, \
	{ .name = "shape", .type = OPT_ENUM, .offset = offsetof(struct call_late_opts, shape), \
	  .def = "uniform", .values = call_shapes, .help = "the distribution of the jitter" }

/** struct call_state - a fault's state: one rule. */
struct call_state {
	struct run *run;
	unsigned id;
	bool armed;
};

int call_probe(char *why, size_t why_len);
/** call_check, call_check_target - a fault's: the shared options. */
void call_check(const void *opts, struct mark at, struct diag *d);
int call_check_target(const void *opts, const struct target *t, struct mark at, struct diag *d);
/** call_set - the calls that are meant. */
struct calls_set call_set(const struct call_opts *o);
/** call_rule - a rule of this effect with all that the shared options say. */
struct calls_rule call_rule(const struct run *r, const struct call_opts *o,
			    enum calls_effect effect);
/** call_check_made - that we can make each of the calls that are meant; @part: of its bytes. */
void call_check_made(const struct call_opts *o, bool part, struct diag *d);
/** call_arm - hand the rule to the supervisor; hits become fired events. */
int call_arm(struct run *r, const struct calls_rule *rule, void *state, struct err *e);
/** call_late_arm - the same for a fault with struct call_late_opts. */
int call_late_arm(struct run *r, const void *opts, enum calls_effect effect, void *state,
		  struct err *e);
/** call_late_describe - "fsync of store held for 300 ms". @how: the words between. */
void call_late_describe(const void *opts, const char *how, struct buf *out);
/** call_disarm - a fault's. */
int call_disarm(struct run *r, const void *opts, void *state, struct err *e);
/** call_describe - "fsync and write of store (*.db-wal)". */
void call_describe(const struct call_opts *o, struct buf *out);
/** call_watches - what the experiment's faults may be about; the caller frees it. */
struct calls_watch *call_watches(const struct experiment *x, const struct target *t,
				 size_t *ret_count);

/** CALL_HOOKS - the members of struct fault_ops that are the same for all of them. */
#define CALL_HOOKS \
	.layer = LAYER_CALL, .cost = "6 us a call that is named", \
	.privilege = "user namespaces", .state_size = sizeof(struct call_state), \
	.counts_hits = true, .probe = call_probe, .check_target = call_check_target, \
	.disarm = call_disarm

#endif
