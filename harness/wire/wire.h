/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_WIRE_H
#define WD_WIRE_WIRE_H

/*
 * The network between nodes: one TUN interface per node, one process per slot
 * that switches packets between them by destination address. No route leads
 * out: a packet to any other address is dropped here.
 *
 * Addresses: node i (0-based) of a slot is 10.77.0.(i+1)/24 and fd77::(i+1)/64.
 */
#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

struct err;
#define WIRE_NODES_MAX 250
#define WIRE_ADDR4_FMT "10.77.0.%u"
#define WIRE_ADDR6_FMT "fd77::%x"

struct wire; /* lives in the worker; the switch itself is a process of its own */

/** wire_new - start an empty switch process. It dies with the worker. */
int wire_new(struct wire **ret, struct err *e);
void wire_free(struct wire *w);
/**
 * wire_attach - make TUN "eth0" in the network namespace netns_fd, configure
 * addresses, lo up, routes to the subnet only (libnl), and hand its queue to
 * the switch as node `index`. The namespace keeps the interface for its life.
 */
int wire_attach(struct wire *w, int netns_fd, unsigned index, struct err *e);
int wire_detach(struct wire *w, unsigned index, struct err *e);
struct wire_counters {
	uint64_t packets, bytes, dropped;
};
/** wire_counters - of what node `index` has sent; shared memory, no round trip. */
struct wire_counters wire_counters(const struct wire *w, unsigned index);
/** wire_alive - false once the switch process is gone (the trial is then broken). */
int wire_alive(const struct wire *w);

#endif
