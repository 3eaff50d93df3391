/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * printer.paper-out: the roll ends in the middle of a receipt. The printer stops, says so to who
 * asks (DLE EOT 2 and 4, automatic status), keeps what it has in its buffer, and goes on at that
 * line when there is a new roll.
 */
struct printer_paper_out_opts {
	struct device_opts device;
};

static const struct opt printer_paper_out_rows[] = {
	DEVICE_WHICH(printer_paper_out_opts),
	DEVICE_PLACE(printer_paper_out_opts),
	DEVICE_BACK(printer_paper_out_opts, "there is a new roll"),
	DEVICE_RATE(printer_paper_out_opts, "receipt"),
	OPT_END
};

static int printer_paper_out_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct printer_paper_out_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_PAPER_OUT);

	return device_arm(r, &rule, &o->device, state, e);
}

static void printer_paper_out_describe(const void *opts, struct buf *out)
{
	const struct printer_paper_out_opts *o = opts;

	buf_adds(out, "the paper ends at ");
	device_describe(&o->device, out);
	device_place(&o->device, out);
}

const struct fault_ops fault_printer_paper_out = {
	.name = "printer.paper-out",
	.summary = "the paper ends in the middle of a receipt",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_check_printer,
	.opts = { printer_paper_out_rows, sizeof(struct printer_paper_out_opts) },
	.check = device_check,
	.arm = printer_paper_out_arm,
	.describe = printer_paper_out_describe,
	.example = "printer.paper-out: {device: printer-lane-1, behind: /TOTAL/, back: 2min}",
};
