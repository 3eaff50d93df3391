/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"
#include "faults/words.h"

/*
 * device.slow: each receipt is begun only after a while; everything behind it waits, answers
 * too.
 */
struct device_slow_opts {
	struct device_opts device;
	struct dur delay;
};

static const struct opt device_slow_rows[] = {
	DEVICE_WHICH(device_slow_opts),
	{ .name = "delay", .type = OPT_DURATION, .offset = offsetof(struct device_slow_opts, delay),
	  .domain = DOMAIN_SYSTEM, .min = "1ms", .max = "1h",
	  .help = "how long it thinks before each receipt", .example = "3s" },
	DEVICE_RATE(device_slow_opts, "receipt"),
	OPT_END
};

static int device_slow_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct device_slow_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_SLOW);

	rule.delay_ns = o->delay.ns;
	return device_arm(r, &rule, &o->device, state, e);
}

static void device_slow_describe(const void *opts, struct buf *out)
{
	const struct device_slow_opts *o = opts;

	buf_adds(out, "receipts come ");
	words_later(out, o->delay.ns, 0);
	buf_adds(out, " later from ");
	device_describe(&o->device, out);
}

const struct fault_ops fault_device_slow = {
	.name = "device.slow",
	.summary = "the device thinks before each receipt",
	DEVICE_HOOKS,
	.opts = { device_slow_rows, sizeof(struct device_slow_opts) },
	.check = device_check,
	.arm = device_slow_arm,
	.describe = device_slow_describe,
	.example = "device.slow: {device: printer-*, delay: 3s}",
};
