/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"

/*
 * net.cut: a connection is cut at exactly one byte of what the client or the server sends on it:
 * what comes before arrives, nothing after it. `when: {nth: …}` counts the connections that get
 * there.
 */
struct net_cut_opts {
	struct link_opts link;
	int of, by;
	int64_t after;
};

static const struct opt_value cut_sides[] = {
	{ "request", "what the client sends" },
	{ "reply", "what the server sends" },
	{ NULL, NULL },
};

static const struct opt net_cut_rows[] = {
	LINK_TCP_ROWS(net_cut_opts),
	{ .name = "of", .type = OPT_ENUM, .offset = offsetof(struct net_cut_opts, of),
	  .def = "reply", .values = cut_sides,
	  .help = "whose bytes are counted, from the connection's first" },
	{ .name = "after", .type = OPT_SIZE, .offset = offsetof(struct net_cut_opts, after),
	  .max = "1 GB",
	  .help = "bytes that still get through",
	  .example = "100 B" },
	{ .name = "by", .type = OPT_ENUM, .offset = offsetof(struct net_cut_opts, by),
	  .def = "reset", .values = link_ways_to_end,
	  .help = "how it ends" },
	OPT_END
};

static int net_cut_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_cut_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_CUT);

	rule.protocol = WIRE_TCP;
	rule.at = o->after;
	rule.of_reply = o->of == 1;
	rule.reset = o->by == 1;
	return link_arm(r, &rule, state, e);
}

static void net_cut_describe(const void *opts, struct buf *out)
{
	const struct net_cut_opts *o = opts;

	buf_printf(out, "connections are cut after %lld bytes of %s ", (long long)o->after,
		   cut_sides[o->of].name);
	link_describe(&o->link, out);
}

const struct fault_ops fault_net_cut = {
	.name = "net.cut",
	.summary = "a connection is cut at one byte",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_cut_rows, sizeof(struct net_cut_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = link_check,
	.check_target = link_check_target,
	.arm = net_cut_arm,
	.disarm = link_disarm,
	.describe = net_cut_describe,
	.example = "net.cut: {between: [lane-*, store], after: 100 B}",
};
