/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * device.reset: the device starts anew in the middle of a receipt: what it had not printed is
 * forgotten, what hangs out of it is torn. On the wire its connection is reset; on a line nobody
 * is told, and what is still sent of that receipt is the beginning of the next one.
 */
struct device_reset_opts {
	struct device_opts device;
};

static const struct opt device_reset_rows[] = {
	DEVICE_WHICH(device_reset_opts),
	DEVICE_PLACE(device_reset_opts),
	DEVICE_RATE(device_reset_opts, "receipt"),
	OPT_END
};

static int device_reset_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct device_reset_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_RESET);

	return device_arm(r, &rule, &o->device, state, e);
}

static void device_reset_describe(const void *opts, struct buf *out)
{
	const struct device_reset_opts *o = opts;

	device_describe(&o->device, out);
	buf_adds(out, " starts anew");
	device_place(&o->device, out);
}

const struct fault_ops fault_device_reset = {
	.name = "device.reset",
	.summary = "the device starts anew in the middle of a receipt",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_check_printer,
	.opts = { device_reset_rows, sizeof(struct device_reset_opts) },
	.check = device_check,
	.arm = device_reset_arm,
	.describe = device_reset_describe,
	.example = "device.reset: {device: printer-lane-1, behind: /TOTAL/}",
};
