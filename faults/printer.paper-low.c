/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * printer.paper-low: the printer goes on printing and says that its paper is nearly at its end,
 * to who asks (DLE EOT 4, GS r 1) or wants to be told (GS a). Fires at each such answer: a till
 * that never asks is not touched.
 */
struct printer_paper_low_opts {
	struct device_opts device;
};

static const struct opt printer_paper_low_rows[] = {
	DEVICE_WHICH(printer_paper_low_opts),
	OPT_END
};

static int printer_paper_low_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct printer_paper_low_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_PAPER_LOW);

	rule.chance = 1;
	return device_arm(r, &rule, &o->device, state, e);
}

static void printer_paper_low_describe(const void *opts, struct buf *out)
{
	const struct printer_paper_low_opts *o = opts;

	buf_adds(out, "the paper is low at ");
	device_describe(&o->device, out);
}

const struct fault_ops fault_printer_paper_low = {
	.name = "printer.paper-low",
	.summary = "the printer says that its paper is nearly at its end",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_check_printer,
	.opts = { printer_paper_low_rows, sizeof(struct printer_paper_low_opts) },
	.arm = printer_paper_low_arm,
	.describe = printer_paper_low_describe,
	.example = "printer.paper-low: {device: printer-*}",
};
