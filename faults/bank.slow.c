/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/payment.h"

#include "faults/words.h"

/*
 * bank.slow: the bank does at once what it was asked for; its answer comes late, when the till may
 * have given up. Healing sends at once what is being held back.
 */
struct bank_slow_opts {
	struct payment_opts payment;
	struct dur delay;
};

static const struct opt bank_slow_rows[] = {
	PAYMENT_ROWS(bank_slow_opts, "any"),
	{ .name = "delay", .type = OPT_DURATION, .offset = offsetof(struct bank_slow_opts, delay),
	  .domain = DOMAIN_SYSTEM, .min = "1ms", .max = "1h",
	  .help = "how late the answer is", .example = "35s" },
	OPT_END
};

static int bank_slow_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct bank_slow_opts *o = opts;
	struct bank_rule rule = payment_rule(r, &o->payment, BANK_SLOW);

	rule.delay_ns = o->delay.ns;
	return payment_arm(r, &rule, state, e);
}

static void bank_slow_describe(const void *opts, struct buf *out)
{
	const struct bank_slow_opts *o = opts;

	buf_adds(out, "the bank answers ");
	words_later(out, o->delay.ns, 0);
	buf_adds(out, " late");
	payment_describe(&o->payment, out);
}

const struct fault_ops fault_bank_slow = {
	.name = "bank.slow",
	.summary = "the bank answers late, when it has done its work long before",
	PAYMENT_HOOKS,
	.opts = { bank_slow_rows, sizeof(struct bank_slow_opts) },
	.check = payment_check,
	.arm = bank_slow_arm,
	.describe = bank_slow_describe,
	.example = "bank.slow: {delay: 35s}",
};
