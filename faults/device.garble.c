/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * device.garble: a bit is turned over in some of the bytes on their way to the device, or from it:
 * a worn cable, a wrong speed. Which bytes, and which bit of them, is drawn from the seed for the
 * device and how many-eth byte it is. `nth:` counts bytes.
 */
struct device_garble_opts {
	struct device_opts device;
	int way;
};

static const struct opt_value ways[] = {
	{ "to", "what is sent to it" },
	{ "from", "what it answers" },
	{ "both", "either" },
	{ NULL, NULL },
};

static const struct opt device_garble_rows[] = {
	DEVICE_WHICH(device_garble_opts),
	{ .name = "direction", .type = OPT_ENUM, .offset = offsetof(struct device_garble_opts, way),
	  .values = ways, .def = "both", .help = "of the bytes" },
	{ .name = "rate", .type = OPT_RATIO,
	  .offset = offsetof(struct device_garble_opts, device.rate), .def = "1%",
	  .help = "the chance of each byte", .example = "0.1%" },
	OPT_END
};

static int device_garble_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct device_garble_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_GARBLE);

	rule.way = (uint32_t)o->way + 1;
	return device_arm(r, &rule, &o->device, state, e);
}

static void device_garble_describe(const void *opts, struct buf *out)
{
	const struct device_garble_opts *o = opts;

	buf_printf(out, "%g %% of the bytes %s ", o->device.rate * 100, o->way == 0 ? "to" :
		   o->way == 1 ? "from" : "to and from");
	device_describe(&o->device, out);
	buf_adds(out, " have a bit turned over");
}

const struct fault_ops fault_device_garble = {
	.name = "device.garble",
	.summary = "bytes to and from the device have a bit turned over",
	DEVICE_HOOKS,
	.opts = { device_garble_rows, sizeof(struct device_garble_opts) },
	.check = device_check,
	.arm = device_garble_arm,
	.describe = device_garble_describe,
	.example = "device.garble: {device: printer-lane-1, rate: 1%}",
};
