/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/terminal.h"

/*
 * terminal.result-lost: the bank is asked and answers, the terminal knows, and no result leaves
 * it: the shopper may have been charged, and the till does not know. Whoever connects again can
 * ask.
 */
struct terminal_result_lost_opts {
	struct terminal_opts terminal;
	int how;
};

static const struct opt_value silences[] = {
	{ "silent", "nothing more comes on this connection, and nothing is heard there" },
	{ "reset", "the connection is reset" },
	{ NULL, NULL },
};

static const struct opt terminal_result_lost_rows[] = {
	TERMINAL_ROWS(terminal_result_lost_opts),
	{ .name = "how", .type = OPT_ENUM,
	  .offset = offsetof(struct terminal_result_lost_opts, how), .def = "silent",
	  .values = silences, .help = "what the till sees" },
	OPT_END
};

static int terminal_result_lost_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct terminal_result_lost_opts *o = opts;
	struct terminal_rule rule = terminal_rule(r, &o->terminal, TERMINAL_LOST);

	rule.silent = o->how == 0;
	return terminal_arm(r, &rule, state, e);
}

static void terminal_result_lost_describe(const void *opts, struct buf *out)
{
	const struct terminal_result_lost_opts *o = opts;

	buf_printf(out, "the terminal's result is lost (%s)", silences[o->how].name);
	terminal_describe(&o->terminal, out);
}

const struct fault_ops fault_terminal_result_lost = {
	.name = "terminal.result-lost",
	.summary = "the payment is made, and its result never reaches the till",
	TERMINAL_HOOKS,
	.opts = { terminal_result_lost_rows, sizeof(struct terminal_result_lost_opts) },
	.check = terminal_check,
	.arm = terminal_result_lost_arm,
	.describe = terminal_result_lost_describe,
	.example = "terminal.result-lost: {device: terminal-*, how: reset}",
};
