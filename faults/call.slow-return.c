/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/call.h"

/* call.slow-return: the call is made at once, and its program hears of it late. */
static const struct opt call_slow_return_rows[] = {
	CALL_ROWS(call_late_opts),
	CALL_LATE_ROWS,
	OPT_END
};

static void call_slow_return_check(const void *opts, struct mark at, struct diag *d)
{
	const struct call_late_opts *o = opts;

	call_check(opts, at, d);
	call_check_made(&o->call, false, d);
}

static int call_slow_return_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	return call_late_arm(r, opts, CALLS_SLOW_RETURN, state, e);
}

static void call_slow_return_describe(const void *opts, struct buf *out)
{
	call_late_describe(opts, "made at once and answered late by", out);
}

const struct fault_ops fault_call_slow_return = {
	.name = "call.slow-return",
	.summary = "system calls take effect at once and return late",
	CALL_HOOKS,
	.opts = { call_slow_return_rows, sizeof(struct call_late_opts) },
	.check = call_slow_return_check,
	.arm = call_slow_return_arm,
	.describe = call_slow_return_describe,
	.example = "call.slow-return: {node: store, call: [fsync, write], by: 300ms}",
};
