/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * device.silent: the device takes a connection and everything that is sent, does nothing with it
 * and answers nothing: it hangs, until somebody switches it off and on, which is when the fault
 * is healed; the connection is then reset, and what it took is lost. Counts new connections.
 */
struct device_silent_opts {
	struct device_opts device;
};

static const struct opt device_silent_rows[] = {
	DEVICE_WHICH(device_silent_opts),
	DEVICE_RATE(device_silent_opts, "connection"),
	OPT_END
};

static int device_silent_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct device_silent_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_SILENT);

	return device_arm(r, &rule, &o->device, state, e);
}

static void device_silent_describe(const void *opts, struct buf *out)
{
	const struct device_silent_opts *o = opts;

	buf_adds(out, "nothing comes from ");
	device_describe(&o->device, out);
}

const struct fault_ops fault_device_silent = {
	.name = "device.silent",
	.summary = "the device takes everything and does nothing",
	DEVICE_HOOKS,
	.opts = { device_silent_rows, sizeof(struct device_silent_opts) },
	.check = device_check,
	.arm = device_silent_arm,
	.describe = device_silent_describe,
	.example = "device.silent: {device: printer-lane-1}",
};
