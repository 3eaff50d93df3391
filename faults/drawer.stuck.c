/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * drawer.stuck: the cash drawer does not open when it is told to, or does not shut any more. One
 * that stays shut has no pulse in the ledger; one that stays open is reported so (DLE EOT 1,
 * automatic status) until the fault is healed. Counts pulses.
 */
struct drawer_stuck_opts {
	struct device_opts device;
	int how;
};

static const struct opt_value ways[] = {
	{ "shut", "it does not open" },
	{ "open", "it opens, and does not shut" },
	{ NULL, NULL },
};

static const struct opt drawer_stuck_rows[] = {
	DEVICE_WHICH(drawer_stuck_opts),
	{ .name = "how", .type = OPT_ENUM, .offset = offsetof(struct drawer_stuck_opts, how),
	  .values = ways, .def = "shut", .help = "how it sticks" },
	DEVICE_RATE(drawer_stuck_opts, "pulse"),
	OPT_END
};

static int drawer_stuck_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct drawer_stuck_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_DRAWER);

	rule.way = (uint32_t)o->how;
	return device_arm(r, &rule, &o->device, state, e);
}

static void drawer_stuck_describe(const void *opts, struct buf *out)
{
	const struct drawer_stuck_opts *o = opts;

	buf_printf(out, "the drawer stays %s at ", o->how ? "open" : "shut");
	device_describe(&o->device, out);
}

const struct fault_ops fault_drawer_stuck = {
	.name = "drawer.stuck",
	.summary = "the cash drawer does not open, or does not shut",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_check_printer,
	.opts = { drawer_stuck_rows, sizeof(struct drawer_stuck_opts) },
	.check = device_check,
	.arm = drawer_stuck_arm,
	.describe = drawer_stuck_describe,
	.example = "drawer.stuck: {device: printer-lane-1, how: shut}",
};
