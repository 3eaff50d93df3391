/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"

/*
 * net.rate: a slow line with a queue in front of it: a token bucket for each direction, shared
 * by all links of the fault. What finds the queue full is dropped.
 */
#define FULL_PACKET 1500 /* the MTU of every link */

struct net_rate_opts {
	struct link_opts link;
	int64_t speed, queue, burst;
};

static const struct opt net_rate_rows[] = {
	LINK_ROWS(net_rate_opts),
	LINK_BACKEND(net_rate_opts),
	{ .name = "speed", .type = OPT_SPEED, .offset = offsetof(struct net_rate_opts, speed),
	  .min = "1 B", .max = "10 GB",
	  .help = "a second, headers of IP included",
	  .example = "256 kbit/s" },
	{ .name = "queue", .type = OPT_SIZE, .offset = offsetof(struct net_rate_opts, queue),
	  .def = "64 KiB", .max = "1 GB",
	  .help = "bytes that may wait; 8192 packets at most",
	  .example = "64 KiB" },
	{ .name = "burst", .type = OPT_SIZE, .offset = offsetof(struct net_rate_opts, burst),
	  .def = "3 KiB", .max = "1 GB",
	  .help = "bytes that pass at full speed after a pause",
	  .example = "3 KiB" },
	OPT_END
};

static void net_rate_check(const void *opts, struct mark at, struct diag *d)
{
	const struct net_rate_opts *o = opts;

	link_check(opts, at, d);
	if (o->queue + o->burst < FULL_PACKET)
		diag_error(d, at, "queue: with `burst` it has room for %d bytes, less than one "
			   "packet of %d; nothing that large would ever pass",
			   (int)(o->queue + o->burst), FULL_PACKET);
}

static int net_rate_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_rate_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_RATE);

	rule.bytes_per_s = o->speed;
	rule.queue_bytes = o->queue;
	rule.burst_bytes = o->burst;
	return link_arm(r, &rule, state, e);
}

static void net_rate_describe(const void *opts, struct buf *out)
{
	const struct net_rate_opts *o = opts;

	buf_printf(out, "at most %lld bytes a second pass ", (long long)o->speed);
	link_describe(&o->link, out);
}

const struct fault_ops fault_net_rate = {
	.name = "net.rate",
	.summary = "a slow line with a queue in front of it",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_rate_rows, sizeof(struct net_rate_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = net_rate_check,
	.check_target = link_check_target,
	.arm = net_rate_arm,
	.disarm = link_disarm,
	.describe = net_rate_describe,
	.example = "net.rate: {between: [lane-*, store], speed: 256 kbit/s}",
};
