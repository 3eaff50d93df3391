/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * device.busy: the device is at work for somebody else, and resets new connections at once.
 */
struct device_busy_opts {
	struct device_opts device;
};

static const struct opt device_busy_rows[] = {
	DEVICE_WHICH(device_busy_opts),
	DEVICE_RATE(device_busy_opts, "connection"),
	OPT_END
};

static int device_busy_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct device_busy_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_BUSY);

	return device_arm(r, &rule, &o->device, state, e);
}

static void device_busy_describe(const void *opts, struct buf *out)
{
	const struct device_busy_opts *o = opts;

	buf_adds(out, "connections are reset by ");
	device_describe(&o->device, out);
}

const struct fault_ops fault_device_busy = {
	.name = "device.busy",
	.summary = "the device is busy with somebody else",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_check_wired,
	.opts = { device_busy_rows, sizeof(struct device_busy_opts) },
	.check = device_check,
	.arm = device_busy_arm,
	.describe = device_busy_describe,
	.example = "device.busy: {device: printer-lane-1, rate: 50%}",
};
