/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_ROOM_H
#define WD_WIRE_ROOM_H

/* What the files of this room share; nobody else includes it. */
#include <stdbool.h>

#include "wire/capture.h"
#include "wire/names.h"
#include "wire/rule.h"
#include "wire/tally.h"
#include "wire/wire.h"

/** TUN_NAME - the interface inside every node. */
#define TUN_NAME "eth0"

/** struct wire_port - one node's counters, in memory shared by worker and switch. */
struct wire_port {
	uint64_t packets, bytes, dropped; /* written by the switch only */
};
/** struct wire_ring - hits on their way; one writes `head`, the other `tail`, neither waits. */
#define WIRE_RING 4096
struct wire_ring {
	uint32_t head, tail; /* only ever counted up */
	uint64_t lost;       /* hits that did not fit */
	uint64_t lost_of[WIRE_RULES_MAX]; /* of those, by the rule's place */
	struct wire_hit at[WIRE_RING];
};
/** struct names_ring - the same for what befell questions. */
#define NAMES_RING 512
struct names_ring {
	uint32_t head, tail;
	uint64_t lost_of[WIRE_DNS_RULES_MAX]; /* hits that did not fit, by the rule's place */
	struct wire_dns_hit at[NAMES_RING];
};
struct wire_shared {
	struct wire_port port[WIRE_NODES_MAX];
	uint64_t forgotten; /* connections; written by the switch, up to date after each order */
	struct wire_ring ring;
	struct names_ring names_ring;
	struct wire_names names; /* the worker's, read by the switch while it obeys WIRE_NAMES */
	struct capture capture;
	/* by [from][to]; written by the switch; pages of its own, touched as needed */
	struct wire_link link[WIRE_NODES_MAX][WIRE_NODES_MAX] __attribute__((aligned(4096)));
};

enum wire_op { WIRE_ADD = 1, WIRE_DEL, WIRE_RULE_ADD, WIRE_RULE_DEL, WIRE_RESET_ALL, WIRE_NAMES,
	       WIRE_DNS_ADD, WIRE_DNS_DEL, WIRE_CAPTURE };
/**
 * struct wire_order - worker to switch. WIRE_ADD carries a queue, WIRE_RULE_ADD a rule,
 * WIRE_CAPTURE an enum wire_capture as its index. The reply is an int, sent when the order is in
 * effect: -errno, or >= 0.
 */
struct wire_order {
	uint32_t op, index;
	union {
		struct wire_rule rule;
		struct wire_dns_rule dns;
	};
};

/**
 * tun_make - the interface of node `index` inside a network namespace: made,
 * addressed, up; *ret_fd is its queue. Needs CAP_NET_ADMIN and CAP_SYS_ADMIN
 * over the namespace and a /dev/net/tun that may be opened.
 */
int tun_make(int netns_fd, unsigned index, int *ret_fd, struct err *e);
/**
 * tun_lost - packets that the interface inside a namespace dropped since it was made, because its
 * queue to the switch was full. What it does not take in is told to who wrote it, the switch; its
 * other counter, of that, is of corrupted packets too. Needs what tun_make needs.
 */
int tun_lost(int netns_fd, uint64_t *ret, struct err *e);

/** switch_run - the switch process; returns when the worker is gone. @ctl: its end of the socket;
 * @bell: an eventfd, rung when there are hits; @writer: another, when the writer is to wake up. */
void switch_run(int ctl, int bell, int writer, struct wire_shared *shared);
/** ring_push, ring_pop - the two ends of the ring. False: full (counted), empty. */
bool ring_push(struct wire_ring *r, const struct wire_hit *h);
bool ring_pop(struct wire_ring *r, struct wire_hit *ret);
bool names_ring_push(struct names_ring *r, const struct wire_dns_hit *h);
bool names_ring_pop(struct names_ring *r, struct wire_dns_hit *ret);
/** switch_dest - node index that an IP packet is addressed to, or -1. Pure. */
int switch_dest(const uint8_t *p, size_t len);

#endif
