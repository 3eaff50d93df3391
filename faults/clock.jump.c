/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/clock.h"

/*
 * clock.jump: the clock is set forward or back while the service runs, as an administrator or a
 * time server that was away does it; healed, it is right again at once.
 */
struct clock_jump_opts {
	struct hook_opts hook;
	int64_t by;
	int clock;
};

static const struct opt clock_jump_rows[] = {
	HOOK_NODE(clock_jump_opts),
	HOOK_SERVICE(clock_jump_opts),
	{ .name = "by", .type = OPT_CUSTOM, .offset = offsetof(struct clock_jump_opts, by),
	  .parse_at = clock_parse_by, .shape = SHAPE_TEXT,
	  .domain = DOMAIN_SYSTEM, .pattern = "[-+]?{duration}", .example = "-1h",
	  .help = "how far: -1h is an hour back, 15s forward; the clock's time, at any pace" },
	CLOCK_WHICH(clock_jump_opts),
	OPT_END
};

static void clock_jump_check(const void *opts, struct mark at, struct diag *d)
{
	const struct clock_jump_opts *o = opts;

	if (o->by < 0 && o->clock != CLOCK_OF_DAY)
		diag_error(d, at, "by: no kernel lets its monotonic clock go back");
	clock_by_check(opts, at, d);
}

static int clock_jump_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct clock_jump_opts *o = opts;
	struct shim_rule rule = hook_rule(r, SHIM_JUMP);

	rule.by = o->by;
	rule.clocks = clock_bits(o->clock);
	return hook_arm(r, &rule, &o->hook, clock_words, state, e);
}

static void clock_jump_describe(const void *opts, struct buf *out)
{
	const struct clock_jump_opts *o = opts;

	buf_adds(out, "the clock jumps ");
	hook_describe(&o->hook, out);
	buf_adds(out, " and is ");
	clock_amount(o->by, out);
}

const struct fault_ops fault_clock_jump = {
	.name = "clock.jump",
	.summary = "the clock is set forward or back",
	CLOCK_HOOKS,
	.opts = { clock_jump_rows, sizeof(struct clock_jump_opts) },
	.check = clock_jump_check,
	.arm = clock_jump_arm,
	.describe = clock_jump_describe,
	.example = "clock.jump: {node: store, by: -1h}",
};
