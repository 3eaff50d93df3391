/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"
#include "faults/words.h"

/*
 * net.reset: a connection is reset at a packet that carries data: the data is lost and both ends
 * hear a RST.
 */
struct net_reset_opts {
	struct link_opts link;
	double rate;
};

static const struct opt net_reset_rows[] = {
	LINK_TCP_ROWS(net_reset_opts),
	LINK_RATE(net_reset_opts, "100%"),
	OPT_END
};

static void net_reset_check(const void *opts, struct mark at, struct diag *d)
{
	const struct net_reset_opts *o = opts;

	link_check(opts, at, d);
	link_check_rate(o->rate, at, d);
}

static int net_reset_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_reset_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_RESET);

	rule.protocol = WIRE_TCP;
	rule.chance = o->rate;
	return link_arm(r, &rule, state, e);
}

static void net_reset_describe(const void *opts, struct buf *out)
{
	const struct net_reset_opts *o = opts;

	words_share(out, o->rate, "packets with data");
	buf_adds(out, " reset their connection ");
	link_describe(&o->link, out);
}

const struct fault_ops fault_net_reset = {
	.name = "net.reset",
	.summary = "connections in use are reset",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_reset_rows, sizeof(struct net_reset_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = net_reset_check,
	.check_target = link_check_target,
	.arm = net_reset_arm,
	.disarm = link_disarm,
	.describe = net_reset_describe,
	.example = "net.reset: {between: [lane-*, store], rate: 2%}",
};
