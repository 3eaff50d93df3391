/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/clock.h"

/*
 * clock.strobe: the clock jumps to and fro, as with two time servers that do not agree. First it is
 * right for a period, then wrong for one, and so on.
 */
struct clock_strobe_opts {
	struct hook_opts hook;
	int64_t by;
	struct dur every;
};

static const struct opt clock_strobe_rows[] = {
	HOOK_NODE(clock_strobe_opts),
	HOOK_SERVICE(clock_strobe_opts),
	{ .name = "by", .type = OPT_CUSTOM, .offset = offsetof(struct clock_strobe_opts, by),
	  .parse_at = clock_parse_by, .shape = SHAPE_TEXT,
	  .domain = DOMAIN_SYSTEM, .pattern = "[-+]?{duration}", .example = "-200ms",
	  .help = "how far off it is in every second period; the clock's time, at any pace" },
	{ .name = "every", .type = OPT_DURATION,
	  .offset = offsetof(struct clock_strobe_opts, every), .domain = DOMAIN_SYSTEM,
	  .def = "100ms", .min = "1ms", .max = "1h", .help = "how long a period is",
	  .example = "100ms" },
	OPT_END
};

static int clock_strobe_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct clock_strobe_opts *o = opts;
	struct shim_rule rule = hook_rule(r, SHIM_STROBE);

	rule.by = o->by;
	rule.every = o->every.ns;
	rule.clocks = SHIM_CALENDAR;
	return hook_arm(r, &rule, &o->hook, clock_words, state, e);
}

static void clock_strobe_describe(const void *opts, struct buf *out)
{
	const struct clock_strobe_opts *o = opts;

	buf_adds(out, "the clock jumps to and fro ");
	hook_describe(&o->hook, out);
	buf_adds(out, ", at times ");
	clock_amount(o->by, out);
}

const struct fault_ops fault_clock_strobe = {
	.name = "clock.strobe",
	.summary = "the clock jumps to and fro",
	CLOCK_HOOKS,
	.opts = { clock_strobe_rows, sizeof(struct clock_strobe_opts) },
	.check = clock_by_check,
	.arm = clock_strobe_arm,
	.describe = clock_strobe_describe,
	.example = "clock.strobe: {node: store, by: -200ms, every: 50ms}",
};
