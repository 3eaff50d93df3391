/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/call.h"

/* call.short: fewer bytes are read or written than were asked for, and the program is told so. */
struct call_short_opts {
	struct call_opts call;
	int64_t bytes;
};

static const struct opt call_short_rows[] = {
	CALL_ROWS(call_short_opts),
	{ .name = "bytes", .type = OPT_SIZE, .offset = offsetof(struct call_short_opts, bytes),
	  .optional = true, .min = "1 B", .max = "64 KiB",
	  .help = "so many; without it, drawn: at least one and fewer than were asked for",
	  .example = "1 B" },
	OPT_END
};

static void call_short_check(const void *opts, struct mark at, struct diag *d)
{
	const struct call_short_opts *o = opts;

	call_check(opts, at, d);
	call_check_made(&o->call, true, d);
}

static int call_short_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct call_short_opts *o = opts;
	struct calls_rule rule = call_rule(r, &o->call, CALLS_SHORT);

	rule.bytes = o->bytes;
	return call_arm(r, &rule, state, e);
}

static void call_short_describe(const void *opts, struct buf *out)
{
	const struct call_short_opts *o = opts;

	if (o->bytes > 0)
		buf_printf(out, "only %lld bytes from ", (long long)o->bytes);
	else
		buf_adds(out, "fewer bytes than asked for from ");
	call_describe(&o->call, out);
}

const struct fault_ops fault_call_short = {
	.name = "call.short",
	.summary = "fewer bytes are read or written than were asked for",
	CALL_HOOKS,
	.opts = { call_short_rows, sizeof(struct call_short_opts) },
	.check = call_short_check,
	.arm = call_short_arm,
	.describe = call_short_describe,
	.example = "call.short: {node: store, call: [write, send], rate: 30%}",
};
