/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/terminal.h"

/*
 * terminal.previous-result: the terminal tells the result of the payment that it approved before
 * this one, with its amount and receipt number. Without one it does not fire.
 */
struct terminal_previous_result_opts {
	struct terminal_opts terminal;
};

static const struct opt terminal_previous_result_rows[] = {
	TERMINAL_ROWS(terminal_previous_result_opts),
	OPT_END
};

static int terminal_previous_result_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct terminal_previous_result_opts *o = opts;
	struct terminal_rule rule = terminal_rule(r, &o->terminal, TERMINAL_PREVIOUS);

	return terminal_arm(r, &rule, state, e);
}

static void terminal_previous_result_describe(const void *opts, struct buf *out)
{
	const struct terminal_previous_result_opts *o = opts;

	buf_adds(out, "the terminal tells the result of the payment before");
	terminal_describe(&o->terminal, out);
}

const struct fault_ops fault_terminal_previous_result = {
	.name = "terminal.previous-result",
	.summary = "the result told is that of the payment approved before",
	TERMINAL_HOOKS,
	.opts = { terminal_previous_result_rows, sizeof(struct terminal_previous_result_opts) },
	.check = terminal_check,
	.arm = terminal_previous_result_arm,
	.describe = terminal_previous_result_describe,
	.example = "terminal.previous-result: {device: terminal-*}",
};
