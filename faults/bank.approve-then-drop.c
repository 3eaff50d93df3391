/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/payment.h"

/*
 * bank.approve-then-drop: the bank does what it was asked for, and its answer never leaves: the
 * shopper is charged, and the till does not know.
 */
struct bank_approve_then_drop_opts {
	struct payment_opts payment;
	int how;
};

static const struct opt bank_approve_then_drop_rows[] = {
	PAYMENT_ROWS(bank_approve_then_drop_opts, "authorise"),
	{ .name = "how", .type = OPT_ENUM,
	  .offset = offsetof(struct bank_approve_then_drop_opts, how), .def = "silent",
	  .values = payment_silences, .help = "what the till sees" },
	OPT_END
};

static int bank_approve_then_drop_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct bank_approve_then_drop_opts *o = opts;
	struct bank_rule rule = payment_rule(r, &o->payment, BANK_DROP);

	rule.silent = payment_silent(o->how);
	return payment_arm(r, &rule, state, e);
}

static void bank_approve_then_drop_describe(const void *opts, struct buf *out)
{
	const struct bank_approve_then_drop_opts *o = opts;

	buf_printf(out, "the bank does as asked and does not answer (%s)",
		   payment_silences[o->how].name);
	payment_describe(&o->payment, out);
}

const struct fault_ops fault_bank_approve_then_drop = {
	.name = "bank.approve-then-drop",
	.summary = "the bank charges the card and its answer is lost",
	PAYMENT_HOOKS,
	.opts = { bank_approve_then_drop_rows, sizeof(struct bank_approve_then_drop_opts) },
	.check = payment_check,
	.arm = bank_approve_then_drop_arm,
	.describe = bank_approve_then_drop_describe,
	.example = "bank.approve-then-drop: {how: reset}",
};
