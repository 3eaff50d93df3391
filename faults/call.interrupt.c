/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/call.h"

#include <errno.h>

#include "calls/table.h"

/* call.interrupt: the call is not made; its program hears EINTR, as if a signal had come. */
struct call_interrupt_opts {
	struct call_opts call;
};

static const struct opt call_interrupt_rows[] = { CALL_ROWS(call_interrupt_opts), OPT_END };

static void call_interrupt_check(const void *opts, struct mark at, struct diag *d)
{
	const struct call_interrupt_opts *o = opts;
	struct calls_set set = call_set(&o->call);

	call_check(opts, at, d);
	for (unsigned i = 0; i < calls_count; i++)
		if (calls_has(&set, i) && !calls_can_fail(&calls_table[i], "EINTR"))
			diag_error(d, at, "call: no signal ends %s: it does not wait",
				   calls_table[i].name);
}

static int call_interrupt_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct call_interrupt_opts *o = opts;
	struct calls_rule rule = call_rule(r, &o->call, CALLS_FAIL);

	rule.error = EINTR;
	return call_arm(r, &rule, state, e);
}

static void call_interrupt_describe(const void *opts, struct buf *out)
{
	buf_adds(out, "interrupted (EINTR): ");
	call_describe(&((const struct call_interrupt_opts *)opts)->call, out);
}

const struct fault_ops fault_call_interrupt = {
	.name = "call.interrupt",
	.summary = "system calls that wait are interrupted",
	CALL_HOOKS,
	.opts = { call_interrupt_rows, sizeof(struct call_interrupt_opts) },
	.check = call_interrupt_check,
	.arm = call_interrupt_arm,
	.describe = call_interrupt_describe,
	.example = "call.interrupt: {node: store, call: [read, poll, accept], rate: 10%}",
};
