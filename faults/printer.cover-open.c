/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * printer.cover-open: somebody opens the cover in the middle of a receipt. As printer.paper-out,
 * but the printer gives another reason.
 */
struct printer_cover_open_opts {
	struct device_opts device;
};

static const struct opt printer_cover_open_rows[] = {
	DEVICE_WHICH(printer_cover_open_opts),
	DEVICE_PLACE(printer_cover_open_opts),
	DEVICE_BACK(printer_cover_open_opts, "it is closed"),
	DEVICE_RATE(printer_cover_open_opts, "receipt"),
	OPT_END
};

static int printer_cover_open_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct printer_cover_open_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_COVER_OPEN);

	return device_arm(r, &rule, &o->device, state, e);
}

static void printer_cover_open_describe(const void *opts, struct buf *out)
{
	const struct printer_cover_open_opts *o = opts;

	buf_adds(out, "the cover is opened at ");
	device_describe(&o->device, out);
	device_place(&o->device, out);
}

const struct fault_ops fault_printer_cover_open = {
	.name = "printer.cover-open",
	.summary = "the printer's cover is opened in the middle of a receipt",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_check_printer,
	.opts = { printer_cover_open_rows, sizeof(struct printer_cover_open_opts) },
	.check = device_check,
	.arm = printer_cover_open_arm,
	.describe = printer_cover_open_describe,
	.example = "printer.cover-open: {device: printer-lane-1, line: 3}",
};
