/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/question.h"

/*
 * dns.fail: the name server says no, says nonsense, or says nothing. What a program makes of it
 * differs by the answer: NXDOMAIN is final, SERVFAIL and REFUSED are asked again, silence costs the
 * resolver's timeout (glibc: 5 s, twice). A question whose answer is what the fault would say
 * anyway is no hit. A question asked again is a hit of its own.
 */
struct dns_fail_opts {
	struct question_opts question;
	int fail;
};

static const struct opt_value fail_hows[] = {
	[WIRE_DNS_NXDOMAIN] = { "nxdomain", "there is no such name" },
	[WIRE_DNS_SERVFAIL] = { "servfail", "the name server cannot tell" },
	[WIRE_DNS_REFUSED] = { "refused", "the name server will not tell" },
	[WIRE_DNS_SILENCE] = { "silence", "no answer" },
	{ NULL, NULL },
};

static const struct opt dns_fail_rows[] = {
	QUESTION_ROWS(dns_fail_opts),
	{ .name = "fail", .type = OPT_ENUM, .offset = offsetof(struct dns_fail_opts, fail),
	  .def = "servfail", .values = fail_hows,
	  .help = "what is answered" },
	OPT_END
};

static int dns_fail_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct dns_fail_opts *o = opts;
	struct wire_dns_rule rule = question_rule(r, &o->question, WIRE_DNS_FAIL);

	rule.how = (uint8_t)o->fail;
	return question_arm(r, &rule, state, e);
}

static void dns_fail_describe(const void *opts, struct buf *out)
{
	static const char *const words[] = { "are told there is no such name", "get SERVFAIL",
					     "get REFUSED", "get no answer" };
	const struct dns_fail_opts *o = opts;

	question_describe(&o->question, out);
	buf_printf(out, " %s", words[o->fail]);
}

const struct fault_ops fault_dns_fail = {
	.name = "dns.fail",
	.summary = "names are not found: no such name, an error, or silence",
	.layer = LAYER_NET,
	.cost = "none but to questions",
	.privilege = "user namespaces",
	.opts = { dns_fail_rows, sizeof(struct dns_fail_opts) },
	.state_size = sizeof(struct question_state),
	.counts_hits = true,
	.check = question_check,
	.check_target = question_check_target,
	.arm = dns_fail_arm,
	.disarm = question_disarm,
	.describe = dns_fail_describe,
	.example = "dns.fail: {node: lane-*, name: store, fail: servfail}",
};
