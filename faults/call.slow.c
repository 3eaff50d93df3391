/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/call.h"

/* call.slow: the call is held for a while and then made. Held for long enough, it hangs. */
static const struct opt call_slow_rows[] = {
	CALL_ROWS(call_late_opts),
	CALL_LATE_ROWS,
	OPT_END
};

static int call_slow_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	return call_late_arm(r, opts, CALLS_SLOW, state, e);
}

static void call_slow_describe(const void *opts, struct buf *out)
{
	call_late_describe(opts, "held for", out);
}

const struct fault_ops fault_call_slow = {
	.name = "call.slow",
	.summary = "system calls take longer, or hang",
	CALL_HOOKS,
	.opts = { call_slow_rows, sizeof(struct call_late_opts) },
	.check = call_check,
	.arm = call_slow_arm,
	.describe = call_slow_describe,
	.example = "call.slow: {node: store, call: fsync, by: 300ms}",
};
