/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/call.h"

#include "faults/words.h"

/* call.slow: the call is held for a while and then made. Held for long enough, it hangs. */
struct call_slow_opts {
	struct call_opts call;
	struct dur by, jitter;
	int shape;
};

static const struct opt call_slow_rows[] = {
	CALL_ROWS(call_slow_opts),
	{ .name = "by", .type = OPT_DURATION, .offset = offsetof(struct call_slow_opts, by),
	  .domain = DOMAIN_EITHER, .min = "1us", .max = "24h",
	  .help = "how much longer it takes, the mean of it with jitter; to hang, longer than "
		  "anybody waits", .example = "300ms" },
	{ .name = "jitter", .type = OPT_DURATION, .offset = offsetof(struct call_slow_opts, jitter),
	  .domain = DOMAIN_SYSTEM, .def = "0s", .min = "0s", .max = "1h",
	  .help = "how much it differs from one to the next", .example = "50ms" },
	{ .name = "shape", .type = OPT_ENUM, .offset = offsetof(struct call_slow_opts, shape),
	  .def = "uniform", .values = call_shapes, .help = "the distribution of the jitter" },
	OPT_END
};

static int call_slow_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct call_slow_opts *o = opts;
	struct calls_rule rule = call_rule(r, &o->call, CALLS_SLOW);

	rule.delay_ns = dur_wall(o->by, r->experiment->shoppers.pace_milli);
	rule.jitter_ns = o->jitter.ns;
	rule.shape = o->shape;
	return call_arm(r, &rule, state, e);
}

static void call_slow_describe(const void *opts, struct buf *out)
{
	const struct call_slow_opts *o = opts;

	call_describe(&o->call, out);
	buf_adds(out, " held for ");
	words_later(out, o->by.ns, o->jitter.ns);
	if (o->by.domain == DOMAIN_SHOP)
		buf_adds(out, " of shop time");
}

const struct fault_ops fault_call_slow = {
	.name = "call.slow",
	.summary = "system calls take longer, or hang",
	CALL_HOOKS,
	.opts = { call_slow_rows, sizeof(struct call_slow_opts) },
	.check = call_check,
	.arm = call_slow_arm,
	.describe = call_slow_describe,
	.example = "call.slow: {node: store, call: fsync, by: 300ms}",
};
