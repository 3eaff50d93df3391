/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/device.h"

/*
 * scanner.drop-chars: some characters of a code never arrive; which ones is drawn from the seed.
 * Counts scans.
 */
struct scanner_drop_chars_opts {
	struct device_opts device;
	int64_t chars;
};

static const struct opt scanner_drop_chars_rows[] = {
	DEVICE_WHICH(scanner_drop_chars_opts),
	{ .name = "chars", .type = OPT_INT,
	  .offset = offsetof(struct scanner_drop_chars_opts, chars), .def = "1",
	  .min = "1", .max = "60", .help = "how many, one behind the other" },
	DEVICE_RATE(scanner_drop_chars_opts, "scan"),
	OPT_END
};

static int scanner_drop_chars_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct scanner_drop_chars_opts *o = opts;
	struct counter_rule rule = device_rule(r, &o->device, COUNTER_DROP_CHARS);

	rule.way = (uint32_t)o->chars;
	return device_arm(r, &rule, &o->device, state, e);
}

static void scanner_drop_chars_describe(const void *opts, struct buf *out)
{
	const struct scanner_drop_chars_opts *o = opts;

	buf_printf(out, "%d character%s of a code %s lost at ", (int)o->chars,
		   o->chars == 1 ? "" : "s", o->chars == 1 ? "is" : "are");
	device_describe(&o->device, out);
}

const struct fault_ops fault_scanner_drop_chars = {
	.name = "scanner.drop-chars",
	.summary = "characters of a code are lost",
	DEVICE_HOOKS_BUT_CHECK,
	.check_target = device_check_scanner,
	.opts = { scanner_drop_chars_rows, sizeof(struct scanner_drop_chars_opts) },
	.check = device_check,
	.arm = scanner_drop_chars_arm,
	.describe = scanner_drop_chars_describe,
	.example = "scanner.drop-chars: {device: scanner-lane-1, rate: 5%}",
};
