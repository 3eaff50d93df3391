/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/payment.h"

#include <string.h>

/*
 * bank.error: the host in front of the bank answers that it cannot: 91 issuer not available, 96
 * system malfunction (HTTP: 503 with the code). Nothing was done, and the till may believe that.
 */
struct bank_error_opts {
	struct payment_opts payment;
	char *code;
};

static const struct opt bank_error_rows[] = {
	PAYMENT_ROWS(bank_error_opts, "any"),
	{ .name = "code", .type = OPT_STRING, .offset = offsetof(struct bank_error_opts, code),
	  .def = "91", .help = "the answer code, as field 39 of ISO 8583", .example = "\"96\"" },
	OPT_END
};

static void bank_error_check(const void *opts, struct mark at, struct diag *d)
{
	const struct bank_error_opts *o = opts;

	payment_check(opts, at, d);
	payment_code_check(o->code, at, d);
}

static int bank_error_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct bank_error_opts *o = opts;
	struct bank_rule rule = payment_rule(r, &o->payment, BANK_ERROR);

	memcpy(rule.code, o->code, 3);
	return payment_arm(r, &rule, state, e);
}

static void bank_error_describe(const void *opts, struct buf *out)
{
	const struct bank_error_opts *o = opts;

	buf_printf(out, "the bank answers %s and does nothing", o->code);
	payment_describe(&o->payment, out);
}

const struct fault_ops fault_bank_error = {
	.name = "bank.error",
	.summary = "the bank answers that it cannot, and does nothing",
	PAYMENT_HOOKS,
	.opts = { bank_error_rows, sizeof(struct bank_error_opts) },
	.check = bank_error_check,
	.arm = bank_error_arm,
	.describe = bank_error_describe,
	.example = "bank.error: {code: \"91\"}",
};
