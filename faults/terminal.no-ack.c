/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/terminal.h"

/*
 * terminal.no-ack: the terminal takes the command to pay, does not acknowledge it and does
 * nothing. Later commands are answered again, so a till that asks finds out.
 */
struct terminal_no_ack_opts {
	struct terminal_opts terminal;
};

static const struct opt terminal_no_ack_rows[] = {
	TERMINAL_ROWS(terminal_no_ack_opts),
	OPT_END
};

static int terminal_no_ack_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct terminal_no_ack_opts *o = opts;
	struct terminal_rule rule = terminal_rule(r, &o->terminal, TERMINAL_NO_ACK);

	return terminal_arm(r, &rule, state, e);
}

static void terminal_no_ack_describe(const void *opts, struct buf *out)
{
	const struct terminal_no_ack_opts *o = opts;

	buf_adds(out, "the terminal does not react to being asked for a payment");
	terminal_describe(&o->terminal, out);
}

const struct fault_ops fault_terminal_no_ack = {
	.name = "terminal.no-ack",
	.summary = "the card terminal neither acknowledges a payment nor does anything",
	TERMINAL_HOOKS,
	.opts = { terminal_no_ack_rows, sizeof(struct terminal_no_ack_opts) },
	.check = terminal_check,
	.arm = terminal_no_ack_arm,
	.describe = terminal_no_ack_describe,
	.example = "terminal.no-ack: {device: terminal-lane-1}",
};
