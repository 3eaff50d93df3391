/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/payment.h"

#include <string.h>

/*
 * bank.decline: the bank says no. Declines of the field come with a code: 51 no funds, 05 do not
 * honour, 54 expired, 61 over a limit.
 */
struct bank_decline_opts {
	struct payment_opts payment;
	char *code;
};

static const struct opt bank_decline_rows[] = {
	PAYMENT_FROM(bank_decline_opts),
	PAYMENT_RATE(bank_decline_opts),
	{ .name = "code", .type = OPT_STRING, .offset = offsetof(struct bank_decline_opts, code),
	  .def = "51", .help = "the answer code, as field 39 of ISO 8583", .example = "\"05\"" },
	OPT_END
};

static void bank_decline_check(const void *opts, struct mark at, struct diag *d)
{
	const struct bank_decline_opts *o = opts;

	payment_check(opts, at, d);
	payment_code_check(o->code, at, d);
}

static int bank_decline_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct bank_decline_opts *o = opts;
	struct bank_rule rule = payment_rule(r, &o->payment, BANK_DECLINE);

	rule.ops = BANK_BIT(BANK_AUTHORISE);
	memcpy(rule.code, o->code, 3);
	return payment_arm(r, &rule, state, e);
}

static void bank_decline_describe(const void *opts, struct buf *out)
{
	const struct bank_decline_opts *o = opts;

	buf_printf(out, "the bank declines with %s", o->code);
	payment_describe(&o->payment, out);
}

const struct fault_ops fault_bank_decline = {
	.name = "bank.decline",
	.summary = "the bank says no",
	PAYMENT_HOOKS,
	.opts = { bank_decline_rows, sizeof(struct bank_decline_opts) },
	.check = bank_decline_check,
	.arm = bank_decline_arm,
	.describe = bank_decline_describe,
	.example = "bank.decline: {code: \"51\", rate: 20%}",
};
