/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

#include <errno.h>

/*
 * device.unplug: the device loses its power: from that moment nothing comes from it and nothing
 * reaches it. What it had not printed is lost, what it had hangs out of it, torn. When it is
 * back, its old connections are unknown to it, and it says so (RST). At once, or at a place of a
 * receipt (`line`, `behind`), which is then what `nth:` counts.
 *
 * On a serial line of USB its file in /dev vanishes, and whoever has it open sees what a USB
 * adapter shows then: end of file, EIO, POLLHUP. It may come back under another name (`as`). Who
 * has it closed just then may look for it and not find it, and nobody sees that: no hit.
 */
struct device_unplug_opts {
	struct device_opts device;
	bool mid;
};

static const struct opt device_unplug_rows[] = {
	DEVICE_WHICH(device_unplug_opts),
	{ .name = "mid-receipt", .type = OPT_BOOL,
	  .offset = offsetof(struct device_unplug_opts, mid), .def = "false",
	  .help = "in the middle of a receipt, as with `behind` or `nth:`; else at once" },
	DEVICE_PLACE(device_unplug_opts),
	DEVICE_BACK(device_unplug_opts, "it is plugged in again"),
	DEVICE_AS(device_unplug_opts),
	DEVICE_RATE(device_unplug_opts, "receipt"),
	OPT_END
};

static bool mid_receipt(const struct device_unplug_opts *o)
{
	return o->mid || o->device.behind;
}

/* `nth:` and `probability:` choose receipts: then it is in the middle of one. */
static bool chooses(const struct gate *g)
{
	return g->first != INT64_MIN || g->probability >= 0;
}

static int device_unplug_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct device_unplug_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_UNPLUG);

	if (mid_receipt(o) || chooses(&r->gate))
		return device_arm(r, &rule, &o->device, state, e);
	return device_unplug(r, &o->device, state, e);
}

static int device_unplug_check_target(const void *opts, const struct target *t, struct mark at,
				      struct diag *d)
{
	const struct device_unplug_opts *o = opts;
	int r = device_check_target(opts, t, at, d);

	return device_check_name(&o->device, t, at, d) < 0 ? -EINVAL : r;
}

static void device_unplug_describe(const void *opts, struct buf *out)
{
	const struct device_unplug_opts *o = opts;

	device_describe(&o->device, out);
	buf_adds(out, " loses its power");
	if (mid_receipt(o))
		device_place(&o->device, out);
	if (o->device.as)
		buf_printf(out, ", and comes back as %s", o->device.as);
}

const struct fault_ops fault_device_unplug = {
	.name = "device.unplug",
	.summary = "the device loses its power, at once or in the middle of a receipt",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_unplug_check_target,
	.opts = { device_unplug_rows, sizeof(struct device_unplug_opts) },
	.check = device_check,
	.arm = device_unplug_arm,
	.describe = device_unplug_describe,
	.example = "device.unplug: {device: printer-lane-1, behind: /TOTAL/, back: 1min}",
};
