/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/question.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "wire/wire.h"

/*
 * dns.wrong: a name leads to another node, or to an address where nobody is. With `ttl:` it is the
 * stale record of a server that has moved: who remembers answers believes it for that long, after
 * the fault is healed too. Names that do not exist keep not existing.
 */
struct dns_wrong_opts {
	struct question_opts question;
	char *to;
	struct dur ttl;
};

static const struct opt dns_wrong_rows[] = {
	QUESTION_ROWS(dns_wrong_opts),
	{ .name = "to", .type = OPT_STRING, .offset = offsetof(struct dns_wrong_opts, to),
	  .optional = true,
	  .help = "the node whose address is given; without it: an address where nobody is",
	  .example = "lane-1" },
	{ .name = "ttl", .type = OPT_DURATION, .offset = offsetof(struct dns_wrong_opts, ttl),
	  .domain = DOMAIN_SYSTEM, .def = "0s", .max = "24h",
	  .help = "how long the wrong answer may be remembered, in whole seconds",
	  .example = "60s" },
	OPT_END
};

static void dns_wrong_check(const void *opts, struct mark at, struct diag *d)
{
	const struct dns_wrong_opts *o = opts;

	question_check(opts, at, d);
	if (o->question.type == WIRE_DNS_PTR)
		diag_error(d, at, "type: only answers to a and aaaa hold an address");
	if (o->ttl.ns % 1000000000)
		diag_error(d, at, "ttl: DNS counts whole seconds");
}

static int host_of(const struct dns_wrong_opts *o, const struct target *t)
{
	if (!o->to)
		return WIRE_NOBODY_HOST;
	for (size_t i = 0; i < target_wired(t); i++)
		if (str_eq(t->nodes[i].name, o->to))
			return (int)i + 1;
	return -ENOENT;
}

/* A name that is some other node's, so that there is something to answer wrongly. */
static bool leads_elsewhere(const struct dns_wrong_opts *o, const struct target *t)
{
	for (size_t i = 0; i < t->nodes_count; i++) {
		const struct node *n = &t->nodes[i];
		cleanup_free char *full = xasprintf("%s." WIRE_DOMAIN, n->name);
		bool named = str_glob(o->question.name, n->name) ||
			     str_glob(o->question.name, full);

		for (size_t j = 0; j < n->aliases.count; j++)
			named |= str_glob(o->question.name, n->aliases.at[j]);
		if (named && !str_eq(n->name, o->to))
			return true;
	}
	return false;
}

static int dns_wrong_check_target(const void *opts, const struct target *t, struct mark at,
				  struct diag *d)
{
	const struct dns_wrong_opts *o = opts;
	int r = question_check_target(opts, t, at, d);

	if (host_of(o, t) < 0) {
		target_no_node(t, o->to, at, "to", d);
		return -EINVAL;
	}
	if (!leads_elsewhere(o, t)) {
		diag_error(d, at, "name: no name of target %s that leads elsewhere matches \"%s\"",
			   t->name, o->question.name);
		return -EINVAL;
	}
	return r;
}

static int dns_wrong_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct dns_wrong_opts *o = opts;
	struct wire_dns_rule rule = question_rule(r, &o->question, WIRE_DNS_WRONG);

	rule.host = (uint16_t)host_of(o, r->target);
	rule.ttl_s = (uint32_t)(o->ttl.ns / 1000000000);
	return question_arm(r, &rule, state, e);
}

static void dns_wrong_describe(const void *opts, struct buf *out)
{
	const struct dns_wrong_opts *o = opts;

	question_describe(&o->question, out);
	if (o->to)
		buf_printf(out, " are answered with the address of %s", o->to);
	else
		buf_adds(out, " are answered with an address where nobody is");
	if (o->ttl.ns)
		buf_printf(out, ", good for %d s", (int)(o->ttl.ns / 1000000000));
}

const struct fault_ops fault_dns_wrong = {
	.name = "dns.wrong",
	.summary = "names lead to another node or to nobody",
	.layer = LAYER_NET,
	.cost = "none but to questions",
	.privilege = "user namespaces",
	.opts = { dns_wrong_rows, sizeof(struct dns_wrong_opts) },
	.state_size = sizeof(struct question_state),
	.counts_hits = true,
	.check = dns_wrong_check,
	.check_target = dns_wrong_check_target,
	.arm = dns_wrong_arm,
	.disarm = question_disarm,
	.describe = dns_wrong_describe,
	.example = "dns.wrong: {node: lane-1, name: store, to: lane-2}",
};
