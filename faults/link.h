/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_LINK_H
#define WD_FAULTS_LINK_H

/* What the faults on the network share: which packets, arming a rule, telling its hits. */
#include "faults/fault.h"
#include "wire/rule.h"

/** struct link_opts - must be the first member, `link`, of the options of a network fault. */
struct link_opts {
	struct strlist between; /* two node names or patterns */
	int direction;          /* enum wire_way */
	int protocol;           /* enum wire_protocol */
	struct strlist port;
	int backend;            /* enum wire_backend; the wire, where there is no row for it */
};

extern const struct opt_value link_directions[], link_protocols[], link_ways_to_end[],
	link_backends[];

/** LINK_BETWEEN, ... - option rows; struct @owner starts with `struct link_opts link`. */
#define LINK_BETWEEN(owner) \
	{ .name = "between", .type = OPT_STRLIST, .offset = offsetof(struct owner, link.between), \
	  .help = "two nodes or patterns: the links from each of the first to each of the second", \
	  .example = "[lane-*, store]" }
#define LINK_DIRECTION(owner) \
	{ .name = "direction", .type = OPT_ENUM, .offset = offsetof(struct owner, link.direction), \
	  .def = "both", .values = link_directions, \
	  .help = "which way: to the second of `between`, from it, or both" }
#define LINK_PROTOCOL(owner) \
	{ .name = "protocol", .type = OPT_ENUM, .offset = offsetof(struct owner, link.protocol), \
	  .def = "any", .values = link_protocols, .help = "only these packets" }
#define LINK_PORT(owner) \
	{ .name = "port", .type = OPT_STRLIST, .offset = offsetof(struct owner, link.port), \
	  .optional = true, .help = "only these ports (of either end), at most 8", \
	  .example = "8080" }
#define LINK_ROWS(owner) \
	LINK_BETWEEN(owner), LINK_DIRECTION(owner), LINK_PROTOCOL(owner), LINK_PORT(owner)
/* for what the kernel's netem can do as well; faults/backend.c has the details */
#define LINK_BACKEND(owner) \
	{ .name = "backend", .type = OPT_ENUM, .offset = offsetof(struct owner, link.backend), \
	  .def = "wire", .values = link_backends, .help = "who does it" }
/* for faults on TCP connections: `direction` is where the connection leads, not a packet */
#define LINK_OPENED(owner) \
	{ .name = "direction", .type = OPT_ENUM, .offset = offsetof(struct owner, link.direction), \
	  .def = "both", .values = link_directions, \
	  .help = "connections opened to the second of `between`, from it, or both" }
#define LINK_TCP_ROWS(owner) LINK_BETWEEN(owner), LINK_OPENED(owner), LINK_PORT(owner)
#define LINK_RATE(owner, def_) \
	{ .name = "rate", .type = OPT_RATIO, .offset = offsetof(struct owner, rate), \
	  .def = def_, .help = "the chance of each packet, drawn from the seed for that packet", \
	  .example = "20%" }

/** struct link_state - a network fault's state: one rule. */
struct link_state {
	struct run *run;
	unsigned id;
	uint64_t forgotten;     /* connections before */
	bool armed;
};

/** link_check - a network fault's `check`: the shared options. */
void link_check(const void *opts, struct mark at, struct diag *d);
/** link_check_rate, link_check_request - a chance that is none; a pattern that is too long. */
void link_check_rate(double rate, struct mark at, struct diag *d);
void link_check_request(const char *pattern, struct mark at, struct diag *d);
/** link_check_target - a network fault's `check_target`: both ends exist, and differ. */
int link_check_target(const void *opts, const struct target *t, struct mark at, struct diag *d);
/** link_nodes - bits by index of the nodes that match a pattern; returns how many. */
int link_nodes(const struct target *t, const char *pattern, uint64_t ret[4]);
/** link_rule - a rule of this effect with all that the shared options say; chance 1. */
struct wire_rule link_rule(const struct run *r, const struct link_opts *o,
			   enum wire_effect effect);
/** link_arm - hand the rule to the wire; hits become fired events. */
int link_arm(struct run *r, const struct wire_rule *rule, void *state, struct err *e);
/** link_disarm - a network fault's `disarm`. */
int link_disarm(struct run *r, const void *opts, void *state, struct err *e);
/** link_describe - "between lane-* and store (tcp, port 8080)". */
void link_describe(const struct link_opts *o, struct buf *out);

#endif
