/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"
#include "faults/words.h"

/*
 * net.corrupt: a few bits of a packet turn over. With the checksum left as it was, the
 * receiver's kernel throws the packet away; with the checksum made right, the application
 * reads the wrong bytes.
 */
struct net_corrupt_opts {
	struct link_opts link;
	double rate;
	int64_t bits;
	int checksum;
};

static const struct opt_value corrupt_checksums[] = {
	{ "wrong", "left as it was: the receiver's kernel drops the packet" },
	{ "fixed", "made right: the application sees it; only packets with data" },
	{ NULL, NULL },
};

static const struct opt net_corrupt_rows[] = {
	LINK_ROWS(net_corrupt_opts),
	LINK_BACKEND(net_corrupt_opts),
	LINK_RATE(net_corrupt_opts, "100%"),
	{ .name = "bits", .type = OPT_INT, .offset = offsetof(struct net_corrupt_opts, bits),
	  .def = "1", .min = "1", .max = "8",
	  .help = "how many bits in a row" },
	{ .name = "checksum", .type = OPT_ENUM,
	  .offset = offsetof(struct net_corrupt_opts, checksum),
	  .def = "wrong", .values = corrupt_checksums,
	  .help = "who notices" },
	OPT_END
};

static void net_corrupt_check(const void *opts, struct mark at, struct diag *d)
{
	const struct net_corrupt_opts *o = opts;

	link_check(opts, at, d);
	link_check_rate(o->rate, at, d);
}

static int net_corrupt_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_corrupt_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_CORRUPT);

	rule.chance = o->rate;
	rule.bits = (int32_t)o->bits;
	rule.fix_sum = o->checksum == 1;
	return link_arm(r, &rule, state, e);
}

static void net_corrupt_describe(const void *opts, struct buf *out)
{
	const struct net_corrupt_opts *o = opts;

	words_share(out, o->rate, "packets");
	buf_adds(out, " are corrupted ");
	link_describe(&o->link, out);
	if (o->checksum == 1)
		buf_adds(out, ", unnoticed by the kernel");
}

const struct fault_ops fault_net_corrupt = {
	.name = "net.corrupt",
	.summary = "bits turn over, with a wrong checksum or a right one",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_corrupt_rows, sizeof(struct net_corrupt_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = net_corrupt_check,
	.check_target = link_check_target,
	.arm = net_corrupt_arm,
	.disarm = link_disarm,
	.describe = net_corrupt_describe,
	.example = "net.corrupt: {between: [lane-*, store], rate: 1%, checksum: fixed}",
};
