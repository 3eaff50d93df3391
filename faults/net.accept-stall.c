/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"

/*
 * net.accept-stall: a server that hangs and accepts nobody. What is modelled is the full accept
 * queue: the handshake's first two packets pass, so the client is connected and may send; nothing
 * it says after its SYN gets to the server (only its RST does), so nothing is acknowledged, the
 * application there never hears of the connection, and its kernel repeats its SYN-ACK (five times,
 * then it has forgotten it: after about a minute the client's next segment meets a RST). That is
 * what Linux does when the queue is full. The other kind, whose data are acknowledged until the
 * window is shut, is process.hang. Healed, the next repetition completes the handshake and the
 * data arrive. `when: {nth: …}` counts new connections.
 */
struct net_accept_stall_opts {
	struct link_opts link;
};

static const struct opt net_accept_stall_rows[] = {
	LINK_TCP_ROWS(net_accept_stall_opts),
	OPT_END
};

static int net_accept_stall_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_accept_stall_opts *o = opts;
	struct wire_rule rule = link_rule(r, &o->link, WIRE_ACCEPT_STALL);

	rule.protocol = WIRE_TCP;
	return link_arm(r, &rule, state, e);
}

static void net_accept_stall_describe(const void *opts, struct buf *out)
{
	const struct net_accept_stall_opts *o = opts;

	buf_adds(out, "new connections are never accepted ");
	link_describe(&o->link, out);
}

const struct fault_ops fault_net_accept_stall = {
	.name = "net.accept-stall",
	.summary = "the server answers a SYN and accepts nobody",
	.layer = LAYER_NET,
	.cost = "0.3 us a packet on the links it is on",
	.privilege = "user namespaces",
	.opts = { net_accept_stall_rows, sizeof(struct net_accept_stall_opts) },
	.state_size = sizeof(struct link_state),
	.counts_hits = true,
	.check = link_check,
	.check_target = link_check_target,
	.arm = net_accept_stall_arm,
	.disarm = link_disarm,
	.describe = net_accept_stall_describe,
	.example = "net.accept-stall: {between: [lane-*, store], port: 8080}",
};
