/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"

/*
 * net.halfopen: the connections that exist when it is armed get nothing through any more, without
 * a word; new ones work. A router that was restarted and has forgotten them looks like this.
 * `when: {nth: …}` counts the connections that are still used.
 */
struct net_halfopen_opts {
	struct link_opts link;
};

static const struct opt net_halfopen_rows[] = {
	LINK_TCP_ROWS(net_halfopen_opts),
	OPT_END
};

static int net_halfopen_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_halfopen_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_HALFOPEN);

	rule.protocol = WIRE_TCP;
	return link_arm(r, &rule, state, e);
}

static void net_halfopen_describe(const void *opts, struct buf *out)
{
	const struct net_halfopen_opts *o = opts;

	buf_adds(out, "existing connections go silent ");
	link_describe(&o->link, out);
}

const struct fault_ops fault_net_halfopen = {
	.name = "net.halfopen",
	.summary = "existing connections go silent, new ones work",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_halfopen_rows, sizeof(struct net_halfopen_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = link_check,
	.check_target = link_check_target,
	.arm = net_halfopen_arm,
	.disarm = link_disarm,
	.describe = net_halfopen_describe,
	.example = "net.halfopen: {between: [lane-*, store]}",
};
