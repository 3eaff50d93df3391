/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"
#include "faults/words.h"

/*
 * net.drop: packets vanish, each by its own draw, or in bursts: then a chain of good
 * and bad stretches (Gilbert-Elliott) runs in each direction of each connection.
 */
struct net_drop_opts {
	struct link_opts link;
	double rate, burst_loss;
	int64_t burst;
};

static const struct opt net_drop_rows[] = {
	LINK_ROWS(net_drop_opts),
	LINK_BACKEND(net_drop_opts),
	LINK_RATE(net_drop_opts, "100%"),
	{ .name = "burst", .type = OPT_INT, .offset = offsetof(struct net_drop_opts, burst),
	  .def = "1", .min = "1", .max = "10000",
	  .help = "mean length of a bad stretch in packets; 1: each packet by itself",
	  .example = "5" },
	{ .name = "burst_loss", .type = OPT_RATIO,
	  .offset = offsetof(struct net_drop_opts, burst_loss),
	  .def = "100%",
	  .help = "the chance of each packet within a bad stretch",
	  .example = "80%" },
	OPT_END
};

static void net_drop_check(const void *opts, struct mark at, struct diag *d)
{
	const struct net_drop_opts *o = opts;

	link_check(opts, at, d);
	link_check_rate(o->rate, at, d);
	if (o->burst > 1 && (o->burst_loss <= 0 || o->rate * (double)(o->burst + 1) >
					     o->burst_loss * (double)o->burst))
		diag_error(d, at,
			   "burst: a rate of %.4g %% cannot come from bursts of %d packets that "
			   "lose %.4g %%", o->rate * 100, (int)o->burst, o->burst_loss * 100);
}

static int net_drop_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_drop_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_DROP);

	rule.chance = o->rate;
	if (o->burst > 1) {
		double bad = o->rate / o->burst_loss; /* share of packets in bad stretches */

		rule.burst_leave = 1 / (double)o->burst;
		rule.burst_enter = rule.burst_leave * bad / (1 - bad);
		rule.chance = o->burst_loss;
	}
	return link_arm(r, &rule, state, e);
}

static void net_drop_describe(const void *opts, struct buf *out)
{
	const struct net_drop_opts *o = opts;

	words_share(out, o->rate, "packets");
	buf_adds(out, " vanish ");
	link_describe(&o->link, out);
	if (o->burst > 1)
		buf_printf(out, ", in bursts of about %d", (int)o->burst);
}

const struct fault_ops fault_net_drop = {
	.name = "net.drop",
	.summary = "packets vanish: independently, in bursts, or the nth",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_drop_rows, sizeof(struct net_drop_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = net_drop_check,
	.check_target = link_check_target,
	.arm = net_drop_arm,
	.disarm = link_disarm,
	.describe = net_drop_describe,
	.example = "net.drop: {between: [lane-*, store], rate: 20%}",
};
