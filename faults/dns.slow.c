/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/question.h"

#include "wire/rule.h"
#include "faults/words.h"

/*
 * dns.slow: answers come later, each by its own measure; they may overtake each other, as answers
 * of a name server do. Healing sends at once what was held.
 */
struct dns_slow_opts {
	struct question_opts question;
	struct dur delay, jitter;
	int shape;
};

static const struct opt_value slow_shapes[] = {
	[WIRE_UNIFORM] = { "uniform", "within delay ± jitter" },
	[WIRE_NORMAL] = { "normal", "jitter is the standard deviation; never below zero" },
	[WIRE_EXPONENTIAL] = { "exponential", "jitter is the mean of what comes on top" },
	{ NULL, NULL },
};

static const struct opt dns_slow_rows[] = {
	QUESTION_ROWS(dns_slow_opts),
	{ .name = "delay", .type = OPT_DURATION, .offset = offsetof(struct dns_slow_opts, delay),
	  .domain = DOMAIN_SYSTEM, .max = "1h",
	  .help = "how much later",
	  .example = "800ms" },
	{ .name = "jitter", .type = OPT_DURATION, .offset = offsetof(struct dns_slow_opts, jitter),
	  .domain = DOMAIN_SYSTEM, .def = "0s", .max = "1h",
	  .help = "how much it varies from question to question",
	  .example = "200ms" },
	{ .name = "shape", .type = OPT_ENUM, .offset = offsetof(struct dns_slow_opts, shape),
	  .def = "uniform", .values = slow_shapes,
	  .help = "how it varies" },
	OPT_END
};

static int dns_slow_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct dns_slow_opts *o = opts;
	struct wire_dns_rule rule = question_rule(r, &o->question, WIRE_DNS_SLOW);

	rule.delay_ns = o->delay.ns;
	rule.jitter_ns = o->jitter.ns;
	rule.shape = (uint8_t)o->shape;
	return question_arm(r, &rule, state, e);
}

static void dns_slow_describe(const void *opts, struct buf *out)
{
	const struct dns_slow_opts *o = opts;

	question_describe(&o->question, out);
	buf_adds(out, " are answered ");
	words_later(out, o->delay.ns, o->jitter.ns);
	buf_adds(out, " later");
}

const struct fault_ops fault_dns_slow = {
	.name = "dns.slow",
	.summary = "names are found late",
	.layer = LAYER_NET,
	.cost = "none but to questions",
	.privilege = "user namespaces",
	.opts = { dns_slow_rows, sizeof(struct dns_slow_opts) },
	.state_size = sizeof(struct question_state),
	.counts_hits = true,
	.check = question_check,
	.check_target = question_check_target,
	.arm = dns_slow_arm,
	.disarm = question_disarm,
	.describe = dns_slow_describe,
	.example = "dns.slow: {node: lane-*, delay: 800ms, jitter: 200ms}",
};
