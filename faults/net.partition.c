/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"

/*
 * net.partition: nothing gets through; one way with `direction`, on and off with `down` and `up`.
 */
struct net_partition_opts {
	struct link_opts link;
	struct dur down, up;
};

static const struct opt net_partition_rows[] = {
	LINK_ROWS(net_partition_opts),
	{ .name = "down", .type = OPT_DURATION, .offset = offsetof(struct net_partition_opts, down),
	  .domain = DOMAIN_SYSTEM, .optional = true, .min = "1ms", .max = "1h",
	  .help = "flapping: how long it is down, beginning when armed",
	  .example = "2s" },
	{ .name = "up", .type = OPT_DURATION, .offset = offsetof(struct net_partition_opts, up),
	  .domain = DOMAIN_SYSTEM, .optional = true, .min = "1ms", .max = "1h",
	  .help = "flapping: how long it is up in between",
	  .example = "3s" },
	OPT_END
};

static void net_partition_check(const void *opts, struct mark at, struct diag *d)
{
	const struct net_partition_opts *o = opts;

	link_check(opts, at, d);
	if ((o->down.ns > 0) != (o->up.ns > 0))
		diag_error(d, at, "flapping needs both `down` and `up`");
}

static int net_partition_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_partition_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_DROP);

	if (o->down.ns > 0) {
		rule.down_ns = o->down.ns;
		rule.up_ns = o->up.ns;
	}
	return link_arm(r, &rule, state, e);
}

static void net_partition_describe(const void *opts, struct buf *out)
{
	const struct net_partition_opts *o = opts;

	buf_adds(out, "nothing gets through ");
	link_describe(&o->link, out);
	if (o->down.ns > 0)
		buf_adds(out, ", on and off");
}

const struct fault_ops fault_net_partition = {
	.name = "net.partition",
	.summary = "nothing gets through: both ways, one way, or on and off",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_partition_rows, sizeof(struct net_partition_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = net_partition_check,
	.check_target = link_check_target,
	.arm = net_partition_arm,
	.disarm = link_disarm,
	.describe = net_partition_describe,
	.example = "net.partition: {between: [lane-*, store]}",
};
