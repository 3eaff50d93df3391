/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/terminal.h"

/*
 * terminal.reboot: behind the bank's answer and before the till has heard it, the terminal boots.
 * Its till's connection is reset, new ones too while it is `off:`. Then it has given the payment
 * back by itself, as most do, or still has it, for whoever asks.
 */
struct terminal_reboot_opts {
	struct terminal_opts terminal;
	struct dur off;
	int payment;
};

static const struct opt_value fates[] = {
	{ "given-back", "the terminal reverses it when it is up again" },
	{ "kept", "it stands, and is the terminal's last one" },
	{ NULL, NULL },
};

static const struct opt terminal_reboot_rows[] = {
	TERMINAL_ROWS(terminal_reboot_opts),
	{ .name = "off", .type = OPT_DURATION, .offset = offsetof(struct terminal_reboot_opts, off),
	  .domain = DOMAIN_SYSTEM, .def = "2s", .min = "1ms", .max = "1h",
	  .help = "how long that takes", .example = "20s" },
	{ .name = "payment", .type = OPT_ENUM,
	  .offset = offsetof(struct terminal_reboot_opts, payment),
	  .def = "given-back", .values = fates, .help = "what becomes of it" },
	OPT_END
};

static int terminal_reboot_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct terminal_reboot_opts *o = opts;
	struct terminal_rule rule = terminal_rule(r, &o->terminal, TERMINAL_REBOOT);

	rule.delay_ns = o->off.ns;
	rule.keeps = o->payment == 1;
	return terminal_arm(r, &rule, state, e);
}

static void terminal_reboot_describe(const void *opts, struct buf *out)
{
	const struct terminal_reboot_opts *o = opts;

	buf_printf(out, "the terminal boots behind the bank's answer (the payment: %s)",
		   fates[o->payment].name);
	terminal_describe(&o->terminal, out);
}

const struct fault_ops fault_terminal_reboot = {
	.name = "terminal.reboot",
	.summary = "the terminal boots with a payment under way",
	TERMINAL_HOOKS,
	.opts = { terminal_reboot_rows, sizeof(struct terminal_reboot_opts) },
	.check = terminal_check,
	.arm = terminal_reboot_arm,
	.describe = terminal_reboot_describe,
	.example = "terminal.reboot: {device: terminal-lane-1, off: 2s}",
};
