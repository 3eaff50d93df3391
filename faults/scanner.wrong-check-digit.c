/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * scanner.wrong-check-digit: a digit of a code is read as another one, so that the check digit
 * behind it does not fit. Which digit, and as what, is drawn from the seed. Counts scans.
 */
struct scanner_wrong_check_digit_opts {
	struct device_opts device;
};

static const struct opt scanner_wrong_check_digit_rows[] = {
	DEVICE_WHICH(scanner_wrong_check_digit_opts),
	DEVICE_RATE(scanner_wrong_check_digit_opts, "scan"),
	OPT_END
};

static int scanner_wrong_check_digit_arm(struct run *r, const void *opts, void *state,
					 struct err *e)
{
	const struct scanner_wrong_check_digit_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_MISREAD);

	return device_arm(r, &rule, &o->device, state, e);
}

static void scanner_wrong_check_digit_describe(const void *opts, struct buf *out)
{
	const struct scanner_wrong_check_digit_opts *o = opts;

	buf_adds(out, "a digit of a code is misread by ");
	device_describe(&o->device, out);
}

const struct fault_ops fault_scanner_wrong_check_digit = {
	.name = "scanner.wrong-check-digit",
	.summary = "a digit is misread, and the check digit does not fit",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_check_scanner,
	.opts = { scanner_wrong_check_digit_rows, sizeof(struct scanner_wrong_check_digit_opts) },
	.check = device_check,
	.arm = scanner_wrong_check_digit_arm,
	.describe = scanner_wrong_check_digit_describe,
	.example = "scanner.wrong-check-digit: {device: scanner-lane-1, rate: 5%}",
};
