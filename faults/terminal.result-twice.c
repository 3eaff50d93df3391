/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/terminal.h"

/*
 * terminal.result-twice: the status information with the result comes twice. A till that takes
 * the second one for the answer to its next payment has the wrong result for the next shopper.
 */
struct terminal_result_twice_opts {
	struct terminal_opts terminal;
};

static const struct opt terminal_result_twice_rows[] = {
	TERMINAL_ROWS(terminal_result_twice_opts),
	OPT_END
};

static int terminal_result_twice_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct terminal_result_twice_opts *o = opts;
	struct terminal_rule rule = terminal_rule(r, &o->terminal, TERMINAL_TWICE);

	return terminal_arm(r, &rule, state, e);
}

static void terminal_result_twice_describe(const void *opts, struct buf *out)
{
	const struct terminal_result_twice_opts *o = opts;

	buf_adds(out, "the terminal tells its result twice");
	terminal_describe(&o->terminal, out);
}

const struct fault_ops fault_terminal_result_twice = {
	.name = "terminal.result-twice",
	.summary = "the terminal tells its result twice",
	TERMINAL_HOOKS,
	.opts = { terminal_result_twice_rows, sizeof(struct terminal_result_twice_opts) },
	.check = terminal_check,
	.arm = terminal_result_twice_arm,
	.describe = terminal_result_twice_describe,
	.example = "terminal.result-twice: {device: terminal-*}",
};
