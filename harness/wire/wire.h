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
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct loop;
struct wire_hit;
struct wire_rule;
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
/** wire_reset - a new trial begins: no rule, nothing waiting, connections count from 1. */
int wire_reset(struct wire *w, struct err *e);
/**
 * wire_rule_add - in effect when this returns; its number in *ret_id. fn is called from the loop
 * for every hit. The wire borrows the loop until the last rule is gone.
 */
int wire_rule_add(struct wire *w, struct loop *loop, const struct wire_rule *r,
		  void (*fn)(void *arg, const struct wire_hit *h), void *arg, unsigned *ret_id,
		  struct err *e);
/** wire_rule_del - over when this returns; the last hits are reported before, then DID_UNHEARD:
 * how many were never told, because the ring was full. */
int wire_rule_del(struct wire *w, unsigned id, struct err *e);
/**
 * wire_netem_probe - try the kernel's netem in a network namespace of the caller's: a veth pair and
 * its qdiscs, made and removed. @bucket: the token bucket too. -ENOENT: not in this kernel.
 */
int wire_netem_probe(int netns_fd, bool bucket, struct err *e);
/**
 * wire_forgotten - connections in use that the wire had to forget since wire_reset, because there
 * were too many; what a fault had decided about them is over. Up to date after wire_rule_add, _del.
 */
uint64_t wire_forgotten(const struct wire *w);
struct wire_counters {
	uint64_t packets, bytes, dropped;
};
/** wire_counters - of what node `index` has sent; shared memory, no round trip. */
struct wire_counters wire_counters(const struct wire *w, unsigned index);
/**
 * wire_overrun - packets that the interface of node `index` dropped since the trial began, because
 * the switch got no core for so long that the queue to it was full; no link counts them. 0 for a
 * node that is not attached, or whose namespace cannot be entered any more.
 */
uint64_t wire_overrun(const struct wire *w, unsigned index);
struct wire_link;
/** wire_link - of what node `from` has sent to `to` since the trial began. */
struct wire_link wire_link(const struct wire *w, unsigned from, unsigned to);

enum wire_capture { CAPTURE_OFF, CAPTURE_ALTERED, CAPTURE_ALL };
/** struct wire_capture_opts - names are borrowed until the call returns. */
struct wire_capture_opts {
	enum wire_capture what;
	int fd;              /* of the file, empty; stays the caller's */
	uint32_t snap;       /* bytes kept of a packet */
	int64_t size_max;    /* of the file */
	int64_t epoch_ns;    /* clock_now() at time 0 of the events */
	const char *const *names;
	unsigned nodes;      /* by index */
};
/** struct wire_capture_facts - what a capture has, and what it has not. */
struct wire_capture_facts {
	uint64_t packets, bytes;
	uint64_t lost;       /* came faster than the disk took them */
	uint64_t over;       /* came when size_max was reached or the disk would take no more */
	uint64_t snapped;    /* are there with their first bytes only */
	uint64_t masked;     /* had digits masked */
	int error;           /* errno of the write that failed; 0: none */
};
/** wire_capture_begin - in effect when this returns. One at a time. */
int wire_capture_begin(struct wire *w, const struct wire_capture_opts *o, struct err *e);
/** wire_capture_end - all is in the file when this returns; -ETIMEDOUT when the disk does not take
 * it (the file then ends somewhere). Fine when none was begun: all zero. */
int wire_capture_end(struct wire *w, struct wire_capture_facts *ret, struct err *e);
/** wire_alive - false once the switch process is gone (the trial is then broken). */
int wire_alive(const struct wire *w);

#endif
