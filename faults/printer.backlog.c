/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * printer.backlog: the printer takes one receipt after the other, says that all is well when it is
 * asked in real time, and prints nothing, until the fault is healed: then all of them come, late.
 * What is asked behind a receipt (GS r) is answered when its turn comes.
 */
struct printer_backlog_opts {
	struct device_opts device;
};

static const struct opt printer_backlog_rows[] = {
	DEVICE_WHICH(printer_backlog_opts),
	DEVICE_PLACE(printer_backlog_opts),
	DEVICE_BACK(printer_backlog_opts, "it prints what it has"),
	DEVICE_RATE(printer_backlog_opts, "receipt"),
	OPT_END
};

static int printer_backlog_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct printer_backlog_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_BACKLOG);

	return device_arm(r, &rule, &o->device, state, e);
}

static void printer_backlog_describe(const void *opts, struct buf *out)
{
	const struct printer_backlog_opts *o = opts;

	device_describe(&o->device, out);
	buf_adds(out, " takes receipts and prints them later, from");
	device_place(&o->device, out);
	buf_adds(out, " on");
}

const struct fault_ops fault_printer_backlog = {
	.name = "printer.backlog",
	.summary = "receipts are taken and printed much later",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_check_printer,
	.opts = { printer_backlog_rows, sizeof(struct printer_backlog_opts) },
	.check = device_check,
	.arm = printer_backlog_arm,
	.describe = printer_backlog_describe,
	.example = "printer.backlog: {device: printer-lane-1, back: 2min}",
};
