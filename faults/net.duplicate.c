/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"
#include "faults/words.h"

/*
 * net.duplicate: packets arrive twice, at once or the copy some time later.
 */
struct net_duplicate_opts {
	struct link_opts link;
	double rate;
	struct dur gap;
};

static const struct opt net_duplicate_rows[] = {
	LINK_ROWS(net_duplicate_opts),
	LINK_BACKEND(net_duplicate_opts),
	LINK_RATE(net_duplicate_opts, "100%"),
	{ .name = "gap", .type = OPT_DURATION, .offset = offsetof(struct net_duplicate_opts, gap),
	  .domain = DOMAIN_SYSTEM, .def = "0s", .max = "1h",
	  .help = "how much later the copy arrives",
	  .example = "5ms" },
	OPT_END
};

static void net_duplicate_check(const void *opts, struct mark at, struct diag *d)
{
	const struct net_duplicate_opts *o = opts;

	link_check(opts, at, d);
	link_check_rate(o->rate, at, d);
}

static int net_duplicate_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_duplicate_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_DUPLICATE);

	rule.chance = o->rate;
	rule.delay_ns = o->gap.ns;
	return link_arm(r, &rule, state, e);
}

static void net_duplicate_describe(const void *opts, struct buf *out)
{
	const struct net_duplicate_opts *o = opts;

	words_share(out, o->rate, "packets");
	buf_adds(out, " arrive twice ");
	link_describe(&o->link, out);
}

const struct fault_ops fault_net_duplicate = {
	.name = "net.duplicate",
	.summary = "packets arrive twice",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_duplicate_rows, sizeof(struct net_duplicate_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = net_duplicate_check,
	.check_target = link_check_target,
	.arm = net_duplicate_arm,
	.disarm = link_disarm,
	.describe = net_duplicate_describe,
	.example = "net.duplicate: {between: [lane-*, store], rate: 5%}",
};
