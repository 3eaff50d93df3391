/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/payment.h"

/*
 * bank.duplicate-reply: the answer comes twice on the same connection. A till that takes the second
 * one for the answer to its next request has the wrong result for the next shopper.
 */
struct bank_duplicate_reply_opts {
	struct payment_opts payment;
};

static const struct opt bank_duplicate_reply_rows[] = {
	PAYMENT_ROWS(bank_duplicate_reply_opts, "authorise"),
	OPT_END
};

static int bank_duplicate_reply_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct bank_duplicate_reply_opts *o = opts;
	struct bank_rule rule = payment_rule(r, &o->payment, BANK_TWICE);

	return payment_arm(r, &rule, state, e);
}

static void bank_duplicate_reply_describe(const void *opts, struct buf *out)
{
	const struct bank_duplicate_reply_opts *o = opts;

	buf_adds(out, "the bank answers twice");
	payment_describe(&o->payment, out);
}

const struct fault_ops fault_bank_duplicate_reply = {
	.name = "bank.duplicate-reply",
	.summary = "the answer comes twice on the same connection",
	PAYMENT_HOOKS,
	.opts = { bank_duplicate_reply_rows, sizeof(struct bank_duplicate_reply_opts) },
	.check = payment_check,
	.arm = bank_duplicate_reply_arm,
	.describe = bank_duplicate_reply_describe,
	.example = "bank.duplicate-reply: {rate: 50%}",
};
