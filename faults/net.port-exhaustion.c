/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/fault.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>

#include "base/str.h"
#include "stage/ports.h"

/*
 * net.port-exhaustion: a node has no port left to open a connection from; connect() ends with
 * EADDRNOTAVAIL at once. What too many short connections, all in TIME_WAIT, come to. Existing
 * connections live on. It fires for each socket whose connect() failed, when that is closed.
 */
struct net_port_exhaustion_opts {
	char *node;
};
struct net_port_exhaustion_state {
	struct run *run;
	const char *node;         /* borrowed: of the options */
	struct stage_ports *ports; /* owned; NULL: not armed */
};

static const struct opt net_port_exhaustion_rows[] = {
	{ .name = "node", .type = OPT_STRING,
	  .offset = offsetof(struct net_port_exhaustion_opts, node), .scalar = true,
	  .help = "whose ports",
	  .example = "lane-1" },
	OPT_END
};

static int net_port_exhaustion_check_target(const void *opts, const struct target *t,
					    struct mark at, struct diag *d)
{
	const struct net_port_exhaustion_opts *o = opts;

	for (size_t i = 0; i < target_wired(t); i++)
		if (str_eq(t->nodes[i].name, o->node))
			return 0;
	target_no_node(t, o->node, at, "node", d);
	return -EINVAL;
}

static void on_failed(void *arg, const struct ports_failed *f)
{
	struct net_port_exhaustion_state *s = arg;
	char to[INET6_ADDRSTRLEN] = "?";

	inet_ntop(f->v6 ? AF_INET6 : AF_INET, f->addr, to, sizeof(to));
	run_fired(s->run, s->node, NULL, to, "no port for a connection to %s: EADDRNOTAVAIL", to);
}

static int net_port_exhaustion_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct net_port_exhaustion_opts *o = opts;
	struct net_port_exhaustion_state *s = state;

	s->run = r;
	s->node = o->node;
	return stage_ports_take(r->stage, o->node, r->loop, on_failed, s, &s->ports, e);
}

static int net_port_exhaustion_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct net_port_exhaustion_state *s = state;
	uint64_t missed;
	int err = stage_ports_give(s->ports, &missed, e);

	(void)opts;
	s->ports = NULL;
	if (missed)
		run_skipped(r, s->node, NULL, "%" PRIu64 " times too many sockets were closed at "
			    "once to hear of each", missed);
	return err;
}

static void net_port_exhaustion_describe(const void *opts, struct buf *out)
{
	const struct net_port_exhaustion_opts *o = opts;

	buf_printf(out, "%s has no port left for new connections", o->node);
}

const struct fault_ops fault_net_port_exhaustion = {
	.name = "net.port-exhaustion",
	.summary = "a node has no port left to open a connection from",
	.layer = LAYER_NET,
	.cost = "none",
	.privilege = "user namespaces",
	.opts = { net_port_exhaustion_rows, sizeof(struct net_port_exhaustion_opts) },
	.state_size = sizeof(struct net_port_exhaustion_state),
	.check_target = net_port_exhaustion_check_target,
	.arm = net_port_exhaustion_arm,
	.disarm = net_port_exhaustion_disarm,
	.describe = net_port_exhaustion_describe,
	.example = "net.port-exhaustion: {node: lane-1}",
};
