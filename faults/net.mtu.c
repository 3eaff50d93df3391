/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"

/*
 * net.mtu: packets larger than `size` vanish without a word (no ICMP): a tunnel on the way that
 * nobody told anybody about. Small requests work, large answers hang.
 */
struct net_mtu_opts {
	struct link_opts link;
	int64_t size;
};

static const struct opt net_mtu_rows[] = {
	LINK_ROWS(net_mtu_opts),
	{ .name = "size", .type = OPT_SIZE, .offset = offsetof(struct net_mtu_opts, size),
	  .def = "1280 B", .min = "68 B", .max = "64 KiB",
	  .help = "the largest IP packet that gets through",
	  .example = "1280 B" },
	OPT_END
};

static int net_mtu_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_mtu_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_MTU);

	rule.at = o->size;
	return link_arm(r, &rule, state, e);
}

static void net_mtu_describe(const void *opts, struct buf *out)
{
	const struct net_mtu_opts *o = opts;

	buf_printf(out, "packets over %lld bytes vanish ", (long long)o->size);
	link_describe(&o->link, out);
}

const struct fault_ops fault_net_mtu = {
	.name = "net.mtu",
	.summary = "large packets vanish without a word",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_mtu_rows, sizeof(struct net_mtu_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = link_check,
	.check_target = link_check_target,
	.arm = net_mtu_arm,
	.disarm = link_disarm,
	.describe = net_mtu_describe,
	.example = "net.mtu: {between: [lane-*, store], size: 576 B}",
};
