/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * device.stall: the device takes the connection, or is there on its line, and reads nothing: what
 * is sent to it fills the buffers between, and then whoever sends waits. When the fault is healed
 * it reads on, and prints late what has waited. Counts new connections; a line that is open is
 * one.
 */
struct device_stall_opts {
	struct device_opts device;
};

static const struct opt device_stall_rows[] = {
	DEVICE_WHICH(device_stall_opts),
	DEVICE_RATE(device_stall_opts, "connection"),
	OPT_END
};

static int device_stall_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct device_stall_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_STALL);

	return device_arm(r, &rule, &o->device, state, e);
}

static void device_stall_describe(const void *opts, struct buf *out)
{
	const struct device_stall_opts *o = opts;

	buf_adds(out, "nothing is read by ");
	device_describe(&o->device, out);
}

const struct fault_ops fault_device_stall = {
	.name = "device.stall",
	.summary = "the device is there and reads nothing",
	DEVICE_HOOKS,
	.opts = { device_stall_rows, sizeof(struct device_stall_opts) },
	.check = device_check,
	.arm = device_stall_arm,
	.describe = device_stall_describe,
	.example = "device.stall: {device: printer-lane-1}",
};
