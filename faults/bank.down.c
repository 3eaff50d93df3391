/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/payment.h"

/*
 * bank.down: requests get through to a host on which nobody is at work: nothing is done. Silence
 * lasts until the fault is healed; then such a connection is reset, as by a host that has started
 * anew. A host that refuses or swallows connections is net.refuse or net.partition on its links.
 */
struct bank_down_opts {
	struct payment_opts payment;
	int how;
};

static const struct opt bank_down_rows[] = {
	PAYMENT_ROWS(bank_down_opts, "any"),
	{ .name = "how", .type = OPT_ENUM, .offset = offsetof(struct bank_down_opts, how),
	  .def = "silent", .values = payment_silences, .help = "what the till sees" },
	OPT_END
};

static int bank_down_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct bank_down_opts *o = opts;
	struct bank_rule rule = payment_rule(r, &o->payment, BANK_DOWN);

	rule.silent = payment_silent(o->how);
	return payment_arm(r, &rule, state, e);
}

static void bank_down_describe(const void *opts, struct buf *out)
{
	const struct bank_down_opts *o = opts;

	buf_printf(out, "nobody is at work at the bank (%s)", payment_silences[o->how].name);
	payment_describe(&o->payment, out);
}

const struct fault_ops fault_bank_down = {
	.name = "bank.down",
	.summary = "the bank does nothing and answers nothing",
	PAYMENT_HOOKS,
	.opts = { bank_down_rows, sizeof(struct bank_down_opts) },
	.check = payment_check,
	.arm = bank_down_arm,
	.describe = bank_down_describe,
	.example = "bank.down: {how: silent}",
};
