/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/terminal.h"

#include "faults/words.h"

/*
 * terminal.result-late: the payment is made at once, its result leaves late. Healing sends what
 * is held back.
 */
struct terminal_result_late_opts {
	struct terminal_opts terminal;
	struct dur delay;
};

static const struct opt terminal_result_late_rows[] = {
	TERMINAL_ROWS(terminal_result_late_opts),
	{ .name = "delay", .type = OPT_DURATION,
	  .offset = offsetof(struct terminal_result_late_opts, delay),
	  .domain = DOMAIN_SYSTEM, .min = "1ms", .max = "1h",
	  .help = "how late", .example = "35s" },
	OPT_END
};

static int terminal_result_late_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct terminal_result_late_opts *o = opts;
	struct terminal_rule rule = terminal_rule(r, &o->terminal, TERMINAL_LATE);

	rule.delay_ns = o->delay.ns;
	return terminal_arm(r, &rule, state, e);
}

static void terminal_result_late_describe(const void *opts, struct buf *out)
{
	const struct terminal_result_late_opts *o = opts;

	buf_adds(out, "the terminal tells its result ");
	words_later(out, o->delay.ns, 0);
	buf_adds(out, " late");
	terminal_describe(&o->terminal, out);
}

const struct fault_ops fault_terminal_result_late = {
	.name = "terminal.result-late",
	.summary = "the result leaves the terminal late, when the till may have given up",
	TERMINAL_HOOKS,
	.opts = { terminal_result_late_rows, sizeof(struct terminal_result_late_opts) },
	.check = terminal_check,
	.arm = terminal_result_late_arm,
	.describe = terminal_result_late_describe,
	.example = "terminal.result-late: {device: terminal-*, delay: 35s}",
};
