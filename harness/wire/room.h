/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_ROOM_H
#define WD_WIRE_ROOM_H

/* What the files of this room share; nobody else includes it. */
#include "wire/wire.h"

/** TUN_NAME - the interface inside every node. */
#define TUN_NAME "eth0"

/** struct wire_port - one node's counters, in memory shared by worker and switch. */
struct wire_port {
	uint64_t packets, bytes, dropped; /* written by the switch only */
};
struct wire_shared {
	struct wire_port port[WIRE_NODES_MAX];
};

enum wire_op { WIRE_ADD = 1, WIRE_DEL };
/** struct wire_order - worker to switch; an ADD carries the queue. The reply is an int. */
struct wire_order {
	uint32_t op, index;
};

/**
 * tun_make - the interface of node `index` inside a network namespace: made,
 * addressed, up; *ret_fd is its queue. Needs CAP_NET_ADMIN and CAP_SYS_ADMIN
 * over the namespace and a /dev/net/tun that may be opened.
 */
int tun_make(int netns_fd, unsigned index, int *ret_fd, struct err *e);

/** switch_run - the switch process; returns when the worker is gone. @ctl: its end of the socket.
 */
void switch_run(int ctl, struct wire_shared *shared);
/** switch_dest - node index that an IP packet is addressed to, or -1. Pure. */
int switch_dest(const uint8_t *p, size_t len);

#endif
