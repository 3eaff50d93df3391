/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * scanner.double: a code is told twice, though the article was held in front of the scanner once.
 * Counts scans.
 */
struct scanner_double_opts {
	struct device_opts device;
};

static const struct opt scanner_double_rows[] = {
	DEVICE_WHICH(scanner_double_opts),
	DEVICE_RATE(scanner_double_opts, "scan"),
	OPT_END
};

static int scanner_double_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct scanner_double_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_DOUBLE);

	return device_arm(r, &rule, &o->device, state, e);
}

static void scanner_double_describe(const void *opts, struct buf *out)
{
	const struct scanner_double_opts *o = opts;

	buf_adds(out, "codes are told twice by ");
	device_describe(&o->device, out);
}

const struct fault_ops fault_scanner_double = {
	.name = "scanner.double",
	.summary = "a code is told twice",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_check_scanner,
	.opts = { scanner_double_rows, sizeof(struct scanner_double_opts) },
	.check = device_check,
	.arm = scanner_double_arm,
	.describe = scanner_double_describe,
	.example = "scanner.double: {device: scanner-lane-1, rate: 5%}",
};
