/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * device.one-client: the device takes one connection, and resets whoever else comes meanwhile.
 * (Else they wait at its door until it is their turn.)
 */
struct device_one_client_opts {
	struct device_opts device;
};

static const struct opt device_one_client_rows[] = {
	DEVICE_WHICH(device_one_client_opts),
	DEVICE_RATE(device_one_client_opts, "connection"),
	OPT_END
};

static int device_one_client_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct device_one_client_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_ONE_CLIENT);

	return device_arm(r, &rule, &o->device, state, e);
}

static void device_one_client_describe(const void *opts, struct buf *out)
{
	const struct device_one_client_opts *o = opts;

	device_describe(&o->device, out);
	buf_adds(out, " resets whoever comes while it has a client");
}

const struct fault_ops fault_device_one_client = {
	.name = "device.one-client",
	.summary = "the device resets connections while it has one",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_check_wired,
	.opts = { device_one_client_rows, sizeof(struct device_one_client_opts) },
	.check = device_check,
	.arm = device_one_client_arm,
	.describe = device_one_client_describe,
	.example = "device.one-client: {device: printer-lane-1}",
};
