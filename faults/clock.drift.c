/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/clock.h"

#include <errno.h>

#include "conf/yaml.h"

/*
 * clock.drift: the clock runs too fast or too slow, as one whose battery is empty or whose time
 * server is gone; healed, the time of day is right again at once.
 */
struct clock_drift_opts {
	struct hook_opts hook;
	double gain;
	int clock;
};

static int parse_gain(const struct yaml_node *n, const char *path, void *field, struct diag *diag)
{
	const char *text = n->type == NODE_SCALAR ? n->text : "";
	bool slow = *text == '-';
	double share = 0;
	char why[256];

	if (opt_parse_ratio(text + (slow || *text == '+'), &share, why, sizeof(why)) < 0) {
		diag_error(diag, n->mark, "%s: %s; a clock that is slow has a minus: -1%%", path,
			   why);
		return -EINVAL;
	}
	if (share == 0 || (slow && share > 0.99)) {
		diag_error(diag, n->mark, "%s: a clock that gains %s", path,
			   share == 0 ? "nothing is right" : "-100% stands still: clock.freeze");
		return -EINVAL;
	}
	*(double *)field = slow ? -share : share;
	return 0;
}

static const struct opt clock_drift_rows[] = {
	HOOK_NODE(clock_drift_opts),
	HOOK_SERVICE(clock_drift_opts),
	{ .name = "gain", .type = OPT_CUSTOM, .offset = offsetof(struct clock_drift_opts, gain),
	  .parse_at = parse_gain, .shape = SHAPE_TEXT,
	  .pattern = "[-+]?[0-9]+(\\.[0-9]+)? *%", .example = "-1%",
	  .help = "how much it gains (10%) or loses (-10%) of the time that passes" },
	CLOCK_WHICH(clock_drift_opts),
	OPT_END
};

static int clock_drift_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct clock_drift_opts *o = opts;
	struct shim_rule rule = hook_rule(r, SHIM_DRIFT);

	rule.rate = o->gain;
	rule.clocks = clock_bits(o->clock);
	return hook_arm(r, &rule, &o->hook, clock_words, state, e);
}

static void clock_drift_describe(const void *opts, struct buf *out)
{
	const struct clock_drift_opts *o = opts;

	buf_printf(out, "the clock is %g %% too %s ", (o->gain < 0 ? -o->gain : o->gain) * 100,
		   o->gain < 0 ? "slow" : "fast");
	hook_describe(&o->hook, out);
}

const struct fault_ops fault_clock_drift = {
	.name = "clock.drift",
	.summary = "the clock runs too fast or too slow",
	CLOCK_HOOKS,
	.opts = { clock_drift_rows, sizeof(struct clock_drift_opts) },
	.arm = clock_drift_arm,
	.describe = clock_drift_describe,
	.example = "clock.drift: {node: store, gain: -10%}",
};
