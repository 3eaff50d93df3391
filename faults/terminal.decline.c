/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/terminal.h"

#include <ctype.h>
#include <string.h>

/*
 * terminal.decline: the card itself says no: wrong PIN, blocked, expired, not for this. The bank
 * is not asked. A bank that says no is bank.decline.
 */
struct terminal_decline_opts {
	struct terminal_opts terminal;
	char *code;
};

static const struct opt terminal_decline_rows[] = {
	TERMINAL_ROWS(terminal_decline_opts),
	{ .name = "code", .type = OPT_STRING,
	  .offset = offsetof(struct terminal_decline_opts, code),
	  .def = "55", .help = "the result that the till is told: two digits",
	  .example = "\"54\"" },
	OPT_END
};

static void terminal_decline_check(const void *opts, struct mark at, struct diag *d)
{
	const struct terminal_decline_opts *o = opts;
	const char *c = o->code;

	terminal_check(opts, at, d);
	if (strlen(c) != 2 || !isdigit((unsigned char)c[0]) || !isdigit((unsigned char)c[1]) ||
	    !strcmp(c, "00"))
		diag_error(d, at, "code: \"%s\" are no two digits that mean no, like \"55\"", c);
}

static int terminal_decline_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct terminal_decline_opts *o = opts;
	struct terminal_rule rule = terminal_rule(r, &o->terminal, TERMINAL_DECLINE);

	memcpy(rule.code, o->code, 3);
	return terminal_arm(r, &rule, state, e);
}

static void terminal_decline_describe(const void *opts, struct buf *out)
{
	const struct terminal_decline_opts *o = opts;

	buf_printf(out, "the card says no, with %s", o->code);
	terminal_describe(&o->terminal, out);
}

const struct fault_ops fault_terminal_decline = {
	.name = "terminal.decline",
	.summary = "the card says no, before any bank is asked",
	TERMINAL_HOOKS,
	.opts = { terminal_decline_rows, sizeof(struct terminal_decline_opts) },
	.check = terminal_decline_check,
	.arm = terminal_decline_arm,
	.describe = terminal_decline_describe,
	.example = "terminal.decline: {device: terminal-*, code: \"55\"}",
};
