/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/clock.h"

/*
 * clock.freeze: the clock stands still; healed, it is right again at once. Whoever waits until a
 * time of it waits as long as if it ran.
 */
struct clock_freeze_opts {
	struct hook_opts hook;
	int clock;
};

static const struct opt clock_freeze_rows[] = {
	HOOK_NODE(clock_freeze_opts),
	HOOK_SERVICE(clock_freeze_opts),
	CLOCK_WHICH(clock_freeze_opts),
	OPT_END
};

static int clock_freeze_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct clock_freeze_opts *o = opts;
	struct shim_rule rule = hook_rule(r, SHIM_FREEZE);

	rule.clocks = clock_bits(o->clock);
	return hook_arm(r, &rule, &o->hook, clock_words, state, e);
}

static void clock_freeze_describe(const void *opts, struct buf *out)
{
	const struct clock_freeze_opts *o = opts;

	buf_adds(out, "the clock stands still ");
	hook_describe(&o->hook, out);
}

const struct fault_ops fault_clock_freeze = {
	.name = "clock.freeze",
	.summary = "the clock stands still",
	CLOCK_HOOKS,
	.opts = { clock_freeze_rows, sizeof(struct clock_freeze_opts) },
	.arm = clock_freeze_arm,
	.describe = clock_freeze_describe,
	.example = "clock.freeze: {node: store}",
};
