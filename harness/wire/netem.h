/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_NETEM_H
#define WD_WIRE_NETEM_H

/* Rules that the kernel carries out; netem.c says how. Known to wire.c only, and to tests. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/rule.h"

struct err;
struct loop;
struct netem;
struct nl_sock;

/** NETEM_ID - set in the numbers of netem's rules, never in those of the switch. */
#define NETEM_ID 0x80000000U
#define NETEM_QUEUE 8192 /* packets that may wait on one link in one direction */

/** netem_new - @net: network namespaces by node index, borrowed, -1: none. */
struct netem *netem_new(const int *net);
/** netem_free - lets go of everything; what is still in the namespaces dies with them. */
void netem_free(struct netem *n);
/** netem_rule_add, netem_rule_del - as wire_rule_add and wire_rule_del. */
int netem_rule_add(struct netem *n, struct loop *loop, const struct wire_rule *r,
		   void (*fn)(void *arg, const struct wire_hit *h), void *arg, unsigned *ret_id,
		   struct err *e);
int netem_rule_del(struct netem *n, unsigned id, struct err *e);
/** netem_reset - a new trial: no interface of ours is left in any namespace. */
void netem_reset(struct netem *n);

/* ---- what a direction of a link is to do ---- */

/** struct netem_plan - all rules of one direction of one link together. Zero: nothing. */
struct netem_plan {
	double loss, burst_enter, burst_leave; /* burst_leave > 0: Gilbert-Elliott */
	double duplicate, corrupt;
	double held;              /* share of packets that delay_ns is for; 0: no delay */
	int64_t delay_ns, jitter_ns;
	int shape;                /* enum wire_shape */
	bool overtake;
	int64_t bytes_per_s, queue_bytes, burst_bytes; /* bytes_per_s 0: no limit */
};
/** netem_plan_add - one more rule; of its kind there is none yet, or the same. Pure. */
void netem_plan_add(struct netem_plan *p, const struct wire_rule *r);
/** netem_acts - does the rule act on packets from one node to another? Pure. */
bool netem_acts(const struct wire_rule *r, unsigned from, unsigned to);

/** struct netem_counts - of one direction, as the kernel counts. */
struct netem_counts {
	uint64_t passed;          /* packets that left netem, copies included */
	uint64_t lost;            /* packets that netem dropped */
	uint64_t queue_full;      /* packets that the token bucket dropped */
	uint64_t waited;          /* times that the token bucket was empty */
	uint64_t queued;          /* packets that wait now */
};
/** netem_counted - is there a counter for what the rule does, or is it inferred? Pure. */
enum wire_counted netem_counted(const struct wire_rule *r);
/** netem_packets - that came in one direction between two counts, copies not counted. Pure. */
uint64_t netem_packets(const struct wire_rule *r, const struct netem_counts *then,
		       const struct netem_counts *now);
/**
 * netem_hits - altered packets of a rule in one direction between two counts. What no counter tells
 * is inferred from the rate, and only once it is certain (1 in 10^9) that of all @packets that the
 * rule met, in all its directions, there was one. Pure.
 */
uint64_t netem_hits(const struct wire_rule *r, const struct netem_counts *then,
		    const struct netem_counts *now, uint64_t packets);

/* ---- netem_nl.c: the kernel's side, through netlink sockets that live in a node's network ---- */

/** struct veth_end - one end of a pair. Nodes are by index. */
struct veth_end {
	struct nl_sock *sk; /* borrowed: in the namespace of `node` */
	int net, ifindex;
	unsigned node, peer;
	bool bucket;        /* has a token bucket */
};
/** netem_socket - a netlink socket inside a network namespace; the caller is back afterwards. */
int netem_socket(int netns_fd, struct nl_sock **ret, struct err *e);
void netem_socket_free(struct nl_sock *sk);
/** veth_make - the pair, up, with qdiscs that do nothing; no packet takes it yet. */
int veth_make(struct veth_end end[2], struct err *e);
/** veth_route - the peer's addresses are reached over the pair, or (false) over the wire again. */
int veth_route(const struct veth_end *end, bool on, struct err *e);
void veth_remove(const struct veth_end *end);
/** veth_shape - from now on the end does this to what it sends. */
int veth_shape(struct veth_end *end, const struct netem_plan *p, struct err *e);
int veth_counts(const struct veth_end *end, struct netem_counts *ret, struct err *e);

/** netem_delays - @count samples of a delay's shape, as netem wants them: in 1/8192 of the spread.
 * Returns by how much the spread is larger than the jitter. Pure. */
double netem_delays(int shape, int16_t *ret, size_t count);

#endif
