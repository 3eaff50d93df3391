/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"

#include <stdio.h>

#include "faults/words.h"

/*
 * net.reply-late: the request gets through; its answer is held back as a whole, for longer than a
 * client waits, and then delivered. What the server says behind it waits with it, its FIN or RST
 * too. A client that has closed by then answers the late bytes with a RST, as it would anywhere.
 * Which request is which: see net.reply-lost.c.
 */
struct net_reply_late_opts {
	struct link_opts link;
	char *request;
	struct dur hold;
};

static const struct opt net_reply_late_rows[] = {
	LINK_TCP_ROWS(net_reply_late_opts),
	{ .name = "request", .type = OPT_REGEX,
	  .offset = offsetof(struct net_reply_late_opts, request),
	  .optional = true,
	  .help = "only answers to requests whose first 128 bytes match",
	  .example = "/^POST \\/sales/" },
	{ .name = "hold", .type = OPT_DURATION,
	  .offset = offsetof(struct net_reply_late_opts, hold),
	  .domain = DOMAIN_SYSTEM, .min = "1ms", .max = "1h",
	  .help = "how long the answer is held",
	  .example = "8s" },
	OPT_END
};

static void net_reply_late_check(const void *opts, struct mark at, struct diag *d)
{
	const struct net_reply_late_opts *o = opts;

	link_check(opts, at, d);
	link_check_request(o->request, at, d);
}

static int net_reply_late_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_reply_late_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_REPLY_LATE);

	rule.protocol = WIRE_TCP;
	rule.delay_ns = o->hold.ns;
	if (o->request)
		snprintf(rule.pattern, sizeof(rule.pattern), "%s", o->request);
	return link_arm(r, &rule, state, e);
}

static void net_reply_late_describe(const void *opts, struct buf *out)
{
	const struct net_reply_late_opts *o = opts;

	buf_printf(out, "answers to %s come ", o->request ? o->request : "requests");
	words_later(out, o->hold.ns, 0);
	buf_adds(out, " late ");
	link_describe(&o->link, out);
}

const struct fault_ops fault_net_reply_late = {
	.name = "net.reply-late",
	.summary = "an answer is held back for longer than the client waits",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_reply_late_rows, sizeof(struct net_reply_late_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = net_reply_late_check,
	.check_target = link_check_target,
	.arm = net_reply_late_arm,
	.disarm = link_disarm,
	.describe = net_reply_late_describe,
	.example = "net.reply-late: {between: [lane-*, store], request: '/^POST/', hold: 8s}",
};
