/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/terminal.h"

#include "faults/words.h"

/*
 * terminal.slow-shopper: the terminal waits while somebody looks for the card, and the till waits
 * with it. Healing finds the card at once.
 */
struct terminal_slow_shopper_opts {
	struct terminal_opts terminal;
	struct dur by;
};

static const struct opt terminal_slow_shopper_rows[] = {
	TERMINAL_ROWS(terminal_slow_shopper_opts),
	{ .name = "by", .type = OPT_DURATION,
	  .offset = offsetof(struct terminal_slow_shopper_opts, by),
	  .domain = DOMAIN_SHOP, .min = "1ms", .max = "1h",
	  .help = "how much later", .example = "45s" },
	OPT_END
};

static int terminal_slow_shopper_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct terminal_slow_shopper_opts *o = opts;
	struct terminal_rule rule = terminal_rule(r, &o->terminal, TERMINAL_SHOPPER);

	rule.delay_ns = dur_wall(o->by, r->experiment->shoppers.pace_milli);
	return terminal_arm(r, &rule, state, e);
}

static void terminal_slow_shopper_describe(const void *opts, struct buf *out)
{
	const struct terminal_slow_shopper_opts *o = opts;

	buf_adds(out, "the shopper presents the card ");
	words_later(out, o->by.ns, 0);
	buf_adds(out, " shop time late");
	terminal_describe(&o->terminal, out);
}

const struct fault_ops fault_terminal_slow_shopper = {
	.name = "terminal.slow-shopper",
	.summary = "the shopper takes long to find the card",
	TERMINAL_HOOKS,
	.opts = { terminal_slow_shopper_rows, sizeof(struct terminal_slow_shopper_opts) },
	.check = terminal_check,
	.arm = terminal_slow_shopper_arm,
	.describe = terminal_slow_shopper_describe,
	.example = "terminal.slow-shopper: {device: terminal-*, by: 45s}",
};
