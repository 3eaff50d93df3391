/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/call.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "calls/table.h"

/* call.fail: the call is not made, and its program is told that it failed. */
struct call_fail_opts {
	struct call_opts call;
	char *error;
	bool unlikely;
};

static const struct opt call_fail_rows[] = {
	CALL_ROWS(call_fail_opts),
	{ .name = "errno", .type = OPT_STRING, .offset = offsetof(struct call_fail_opts, error),
	  .help = "what the program is told, by name", .example = "EIO" },
	{ .name = "unlikely", .type = OPT_BOOL, .offset = offsetof(struct call_fail_opts, unlikely),
	  .def = "false", .help = "also what these calls never return on a real machine" },
	OPT_END
};

/* Each call that is meant must be able to fail like that, unless the file says it need not. */
static void check_likely(const struct call_fail_opts *o, struct mark at, struct diag *d)
{
	struct calls_set set = call_set(&o->call);
	char can[160] = "";

	for (unsigned i = 0; i < calls_count; i++) {
		const struct calls_call *c = &calls_table[i];

		if (!calls_has(&set, i) || calls_can_fail(c, o->error))
			continue;
		snprintf(can, sizeof(can), "%s", *c->errors ? c->errors : "nothing");
		diag_error(d, at, "errno: %s never fails with %s; it can with %s%s; "
			   "`unlikely: true` asks for it all the same", c->name, o->error, can,
			   strlen(c->errors) >= sizeof(can) ? "..." : "");
		return;
	}
}

static void call_fail_check(const void *opts, struct mark at, struct diag *d)
{
	const struct call_fail_opts *o = opts;
	struct calls_set set = call_set(&o->call);
	unsigned before = diag_errors(d);
	char hint[128];
	const char *const *names;
	size_t n;

	call_check(opts, at, d);
	if (!calls_errno(o->error)) {
		names = calls_errnos(&n);
		opt_suggest(o->error, names, n, hint, sizeof(hint));
		diag_error(d, at, "errno: there is no \"%s\"%s", o->error, hint);
	}
	for (unsigned i = 0; i < calls_count; i++)
		if (calls_has(&set, i) && str_eq(calls_table[i].name, "close"))
			diag_error(d, at, "call: close cannot be made to fail: the kernel closes "
				   "even when it says that it failed, and a call that is not made "
				   "leaves the descriptor open");
	if (diag_errors(d) == before && !o->unlikely)
		check_likely(o, at, d);
}

static int call_fail_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct call_fail_opts *o = opts;
	struct calls_rule rule = call_rule(r, &o->call, CALLS_FAIL);

	rule.error = calls_errno(o->error);
	return call_arm(r, &rule, state, e);
}

static void call_fail_describe(const void *opts, struct buf *out)
{
	const struct call_fail_opts *o = opts;

	buf_printf(out, "%s from ", o->error);
	call_describe(&o->call, out);
}

const struct fault_ops fault_call_fail = {
	.name = "call.fail",
	.summary = "system calls are not made, and fail",
	CALL_HOOKS,
	.opts = { call_fail_rows, sizeof(struct call_fail_opts) },
	.check = call_fail_check,
	.arm = call_fail_arm,
	.describe = call_fail_describe,
	.example = "call.fail: {node: store, call: [fsync, write], errno: EIO, path: \"*.db-wal\"}",
};
