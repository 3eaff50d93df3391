/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"

#include <stdio.h>

/*
 * net.reply-lost: the request gets through and is worked on; the answer to it is lost, wholly or
 * from a byte on. The commonest failure of the field: committed, and nobody was told.
 * HTTP/1 requests are told apart by their framing, pipelined ones too; any other protocol's by
 * turns: the client that speaks after the server (or first) asks. `when: {nth: …}` counts the
 * requests that match. An answer behind a lost one on the same connection is lost with it. An
 * answer that ends with the connection has its FIN for a last byte; one that has no such byte (no
 * header, shorter than `after`) gets through, and the fault says so.
 */
struct net_reply_lost_opts {
	struct link_opts link;
	char *request;
	int64_t after, upto;
	int where, by;
};

static const struct opt_value reply_places[] = {
	[WIRE_AT_BYTE] = { "byte", "`after` so many bytes of it" },
	[WIRE_AT_HEAD] = { "header", "behind its header (HTTP/1)" },
	[WIRE_AT_LAST] = { "last", "only its last byte" },
	{ NULL, NULL },
};

static const struct opt net_reply_lost_rows[] = {
	LINK_TCP_ROWS(net_reply_lost_opts),
	{ .name = "request", .type = OPT_REGEX,
	  .offset = offsetof(struct net_reply_lost_opts, request),
	  .optional = true,
	  .help = "only answers to requests whose first 128 bytes match",
	  .example = "/^POST \\/sales/" },
	{ .name = "after", .type = OPT_SIZE, .offset = offsetof(struct net_reply_lost_opts, after),
	  .def = "0 B", .max = "1 GB",
	  .help = "bytes of the answer that still get through",
	  .example = "100 B" },
	{ .name = "where", .type = OPT_ENUM, .offset = offsetof(struct net_reply_lost_opts, where),
	  .def = "byte", .values = reply_places,
	  .help = "where in the answer the loss begins" },
	{ .name = "upto", .type = OPT_SIZE, .offset = offsetof(struct net_reply_lost_opts, upto),
	  .optional = true, .min = "1 B", .max = "1 GB",
	  .help = "bytes of the request that still get through (or what has passed before its "
		  "first 128 are known); without it: all",
	  .example = "200 B" },
	{ .name = "by", .type = OPT_ENUM, .offset = offsetof(struct net_reply_lost_opts, by),
	  .def = "silence", .values = link_ways_to_end,
	  .help = "how it ends" },
	OPT_END
};

static void net_reply_lost_check(const void *opts, struct mark at, struct diag *d)
{
	const struct net_reply_lost_opts *o = opts;

	link_check(opts, at, d);
	link_check_request(o->request, at, d);
	if (o->after > 0 && o->where != WIRE_AT_BYTE)
		diag_error(d, at, "after: counts bytes, and `where: %s` says another place; leave "
			   "one of them out", reply_places[o->where].name);
	if (o->upto > 0 && (o->after > 0 || o->where != WIRE_AT_BYTE))
		diag_error(d, at, "upto: a request that is cut has no answer that could be lost "
			   "at a later byte");
}

static int net_reply_lost_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_reply_lost_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_REPLY_LOST);

	rule.protocol = WIRE_TCP;
	rule.at = o->after;
	rule.where = o->where;
	rule.upto = o->upto;
	rule.reset = o->by == 1;
	if (o->request)
		snprintf(rule.pattern, sizeof(rule.pattern), "%s", o->request);
	return link_arm(r, &rule, state, e);
}

static void net_reply_lost_describe(const void *opts, struct buf *out)
{
	const struct net_reply_lost_opts *o = opts;

	buf_printf(out, "answers to %s get lost ", o->request ? o->request : "requests");
	link_describe(&o->link, out);
}

const struct fault_ops fault_net_reply_lost = {
	.name = "net.reply-lost",
	.summary = "a request gets through and its answer is lost",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_reply_lost_rows, sizeof(struct net_reply_lost_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = net_reply_lost_check,
	.check_target = link_check_target,
	.arm = net_reply_lost_arm,
	.disarm = link_disarm,
	.describe = net_reply_lost_describe,
	.example = "net.reply-lost: {between: [lane-*, store], request: '/^POST/'}",
};
