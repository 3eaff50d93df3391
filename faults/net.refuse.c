/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"

/*
 * net.refuse: new connections are refused at once (RST), as by a port nobody listens on. Those
 * that exist go on.
 */
struct net_refuse_opts {
	struct link_opts link;
};

static const struct opt net_refuse_rows[] = {
	LINK_TCP_ROWS(net_refuse_opts),
	OPT_END
};

static int net_refuse_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_refuse_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_REFUSE);

	rule.protocol = WIRE_TCP;
	return link_arm(r, &rule, state, e);
}

static void net_refuse_describe(const void *opts, struct buf *out)
{
	const struct net_refuse_opts *o = opts;

	buf_adds(out, "new connections are refused ");
	link_describe(&o->link, out);
}

const struct fault_ops fault_net_refuse = {
	.name = "net.refuse",
	.summary = "new connections are refused",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_refuse_rows, sizeof(struct net_refuse_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = link_check,
	.check_target = link_check_target,
	.arm = net_refuse_arm,
	.disarm = link_disarm,
	.describe = net_refuse_describe,
	.example = "net.refuse: {between: [lane-*, store], port: 8080}",
};
