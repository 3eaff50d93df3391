/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/fault.h"

/*
 * noop: arms, fires, is logged, changes nothing. It shows the harness's own
 * overhead and is the shortest example of a fault.
 */
struct noop_opts {
	char *label;
};

static const struct opt noop_rows[] = {
	{ .name = "label", .type = OPT_STRING, .offset = offsetof(struct noop_opts, label),
	  .def = "nothing", .scalar = true, .help = "a word for the event log",
	  .example = "hello" },
	OPT_END
};

static int noop_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct noop_opts *o = opts;

	(void)state;
	(void)e;
	run_fired(r, r->cause_node, NULL, o->label, "nothing was changed");
	return 0;
}

static int noop_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	(void)r;
	(void)opts;
	(void)state;
	(void)e;
	return 0;
}

static void noop_describe(const void *opts, struct buf *out)
{
	const struct noop_opts *o = opts;

	buf_printf(out, "nothing goes wrong (%s)", o->label);
}

const struct fault_ops fault_noop = {
	.name = "noop",
	.summary = "changes nothing; measures the harness itself",
	.layer = LAYER_NONE,
	.cost = "none",
	.privilege = "none",
	.opts = { noop_rows, sizeof(struct noop_opts) },
	.arm = noop_arm,
	.disarm = noop_disarm,
	.describe = noop_describe,
	.example = "noop: {label: hello}",
};
