/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"
#include "faults/words.h"

/*
 * net.reorder: the chosen packets are held back for a moment and those behind pass them.
 * Without any behind them it is a delay.
 */
struct net_reorder_opts {
	struct link_opts link;
	double rate;
	struct dur hold;
};

static const struct opt net_reorder_rows[] = {
	LINK_ROWS(net_reorder_opts),
	LINK_BACKEND(net_reorder_opts),
	LINK_RATE(net_reorder_opts, "10%"),
	{ .name = "hold", .type = OPT_DURATION, .offset = offsetof(struct net_reorder_opts, hold),
	  .domain = DOMAIN_SYSTEM, .def = "20ms", .min = "1us", .max = "1h",
	  .help = "how long a chosen packet is held back",
	  .example = "20ms" },
	OPT_END
};

static void net_reorder_check(const void *opts, struct mark at, struct diag *d)
{
	const struct net_reorder_opts *o = opts;

	link_check(opts, at, d);
	link_check_rate(o->rate, at, d);
}

static int net_reorder_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_reorder_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_DELAY);

	rule.chance = o->rate;
	rule.delay_ns = o->hold.ns;
	rule.overtake = true;
	return link_arm(r, &rule, state, e);
}

static void net_reorder_describe(const void *opts, struct buf *out)
{
	const struct net_reorder_opts *o = opts;

	words_share(out, o->rate, "packets");
	buf_adds(out, " are passed by those behind them ");
	link_describe(&o->link, out);
}

const struct fault_ops fault_net_reorder = {
	.name = "net.reorder",
	.summary = "packets are passed by those behind them",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_reorder_rows, sizeof(struct net_reorder_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = net_reorder_check,
	.check_target = link_check_target,
	.arm = net_reorder_arm,
	.disarm = link_disarm,
	.describe = net_reorder_describe,
	.example = "net.reorder: {between: [lane-*, store], rate: 10%, hold: 20ms}",
};
