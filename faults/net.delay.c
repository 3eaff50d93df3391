/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"
#include "faults/words.h"

/*
 * net.delay: packets arrive later. They keep their order unless `overtake` is asked for,
 * so jitter alone delays those behind as well, as a real queue does.
 */
struct net_delay_opts {
	struct link_opts link;
	struct dur delay, jitter;
	int shape;
	bool overtake;
	double rate;
};

static const struct opt_value delay_shapes[] = {
	[WIRE_UNIFORM] = { "uniform", "within delay ± jitter" },
	[WIRE_NORMAL] = { "normal", "jitter is the standard deviation; never below zero" },
	[WIRE_EXPONENTIAL] = { "exponential", "jitter is the mean of what comes on top" },
	{ NULL, NULL },
};

static const struct opt net_delay_rows[] = {
	LINK_ROWS(net_delay_opts),
	LINK_BACKEND(net_delay_opts),
	{ .name = "delay", .type = OPT_DURATION, .offset = offsetof(struct net_delay_opts, delay),
	  .domain = DOMAIN_SYSTEM, .max = "1h",
	  .help = "how much later",
	  .example = "100ms" },
	{ .name = "jitter", .type = OPT_DURATION, .offset = offsetof(struct net_delay_opts, jitter),
	  .domain = DOMAIN_SYSTEM, .def = "0s", .max = "1h",
	  .help = "how much it varies from packet to packet",
	  .example = "20ms" },
	{ .name = "shape", .type = OPT_ENUM, .offset = offsetof(struct net_delay_opts, shape),
	  .def = "uniform", .values = delay_shapes,
	  .help = "how it varies" },
	{ .name = "overtake", .type = OPT_BOOL, .offset = offsetof(struct net_delay_opts, overtake),
	  .def = "false",
	  .help = "packets may arrive in another order" },
	LINK_RATE(net_delay_opts, "100%"),
	OPT_END
};

static void net_delay_check(const void *opts, struct mark at, struct diag *d)
{
	const struct net_delay_opts *o = opts;

	link_check(opts, at, d);
	link_check_rate(o->rate, at, d);
	if (o->delay.ns <= 0 && o->jitter.ns <= 0)
		diag_error(d, at, "delay: 0 without jitter delays nothing");
}

static int net_delay_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_delay_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_DELAY);

	rule.chance = o->rate;
	rule.delay_ns = o->delay.ns;
	rule.jitter_ns = o->jitter.ns;
	rule.shape = o->shape;
	rule.overtake = o->overtake;
	return link_arm(r, &rule, state, e);
}

static void net_delay_describe(const void *opts, struct buf *out)
{
	const struct net_delay_opts *o = opts;

	words_share(out, o->rate, "packets");
	buf_adds(out, " arrive ");
	words_later(out, o->delay.ns, o->jitter.ns);
	buf_adds(out, " later ");
	link_describe(&o->link, out);
	if (o->overtake)
		buf_adds(out, ", in any order");
}

const struct fault_ops fault_net_delay = {
	.name = "net.delay",
	.summary = "packets arrive later, with or without jitter",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_delay_rows, sizeof(struct net_delay_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = net_delay_check,
	.check_target = link_check_target,
	.arm = net_delay_arm,
	.disarm = link_disarm,
	.describe = net_delay_describe,
	.example = "net.delay: {between: [lane-*, store], delay: 100ms, jitter: 20ms}",
};
