/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/hook.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

/*
 * lib.resolver: the C library's resolver fails or takes its time, whatever is asked for and without
 * a question to anybody: also for names in /etc/hosts, which dns.* does not touch.
 */
struct lib_resolver_opts {
	struct hook_opts hook;
	char *name;
	int fail;
	struct dur delay;
	double rate;
};

enum { FAIL_AGAIN, FAIL_NONAME, FAIL_FAIL, FAIL_SYSTEM, FAIL_NOT };
static const struct opt_value fails[] = {
	[FAIL_AGAIN] = { "again", "EAI_AGAIN: no server answered, ask later" },
	[FAIL_NONAME] = { "noname", "EAI_NONAME: there is no such name" },
	[FAIL_FAIL] = { "fail", "EAI_FAIL: the server cannot answer" },
	[FAIL_SYSTEM] = { "system", "EAI_SYSTEM, EIO" },
	[FAIL_NOT] = { "not", "it does not fail, it is late" },
	{ NULL, NULL },
};
static const int errors[] = { [FAIL_AGAIN] = EAI_AGAIN, [FAIL_NONAME] = EAI_NONAME,
			      [FAIL_FAIL] = EAI_FAIL, [FAIL_SYSTEM] = EAI_SYSTEM, [FAIL_NOT] = 0 };

static const struct opt lib_resolver_rows[] = {
	HOOK_NODE(lib_resolver_opts),
	HOOK_SERVICE(lib_resolver_opts),
	{ .name = "name", .type = OPT_STRING, .offset = offsetof(struct lib_resolver_opts, name),
	  .optional = true, .help = "only when this name is asked for, or pattern",
	  .example = "\"bank*\"" },
	{ .name = "fail", .type = OPT_ENUM, .offset = offsetof(struct lib_resolver_opts, fail),
	  .def = "again", .values = fails, .help = "how" },
	{ .name = "delay", .type = OPT_DURATION,
	  .offset = offsetof(struct lib_resolver_opts, delay), .domain = DOMAIN_SYSTEM,
	  .def = "0s", .min = "0s", .max = "1h",
	  .help = "how long it takes, before it fails or asks", .example = "5s" },
	{ .name = "rate", .type = OPT_RATIO, .offset = offsetof(struct lib_resolver_opts, rate),
	  .def = "100%", .help = "the chance of each call, drawn from the seed for that process "
	  "and how many-eth matching call of it this is", .example = "20%" },
	OPT_END
};

static void lib_resolver_check(const void *opts, struct mark at, struct diag *d)
{
	const struct lib_resolver_opts *o = opts;

	if (o->fail == FAIL_NOT && o->delay.ns <= 0)
		diag_error(d, at, "fail: not, and no `delay` either: nothing goes wrong");
	if (o->name && strlen(o->name) >= SHIM_WHAT_MAX)
		diag_error(d, at, "name: longer than %d bytes", SHIM_WHAT_MAX - 1);
}

static const char *error_name(int error)
{
	switch (error) {
	case EAI_AGAIN:
		return "EAI_AGAIN";
	case EAI_NONAME:
		return "EAI_NONAME";
	case EAI_FAIL:
		return "EAI_FAIL";
	default:
		return "EAI_SYSTEM";
	}
}

static void lib_resolver_words(const struct shim_hit *h, char *ret, size_t len)
{
	char text[DUR_TEXT];

	snprintf(ret, len, "%s%s%s", h->error ? error_name(h->error) : "asked",
		 h->by > 0 ? " after " : "", h->by > 0 ? dur_text(text, h->by) : "");
}

static int lib_resolver_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct lib_resolver_opts *o = opts;
	struct shim_rule rule = hook_rule(r, SHIM_RESOLVE);

	rule.chance = o->rate;
	rule.error = errors[o->fail];
	rule.by = o->delay.ns;
	rule.size_max = UINT64_MAX;
	snprintf(rule.what, sizeof(rule.what), "%s", o->name ? o->name : "");
	return hook_arm(r, &rule, &o->hook, lib_resolver_words, state, e);
}

static void lib_resolver_describe(const void *opts, struct buf *out)
{
	const struct lib_resolver_opts *o = opts;
	char text[DUR_TEXT];

	buf_printf(out, "the resolver %s ", o->fail == FAIL_NOT ? "is late" : "fails");
	hook_describe(&o->hook, out);
	if (o->name)
		buf_printf(out, " for %s", o->name);
	buf_printf(out, " (%s", fails[o->fail].name);
	if (o->delay.ns > 0)
		buf_printf(out, ", after %s", dur_text(text, o->delay.ns));
	buf_addc(out, ')');
}

const struct fault_ops fault_lib_resolver = {
	.name = "lib.resolver",
	.summary = "the C library's resolver fails or takes its time",
	HOOK_HOOKS,
	.layer = LAYER_LIB,
	.cost = "5 ns a call of getaddrinfo in those services",
	.opts = { lib_resolver_rows, sizeof(struct lib_resolver_opts) },
	.counts_hits = true,
	.check = lib_resolver_check,
	.arm = lib_resolver_arm,
	.describe = lib_resolver_describe,
	.example = "lib.resolver: {node: lane-1, name: store, fail: again, delay: 5s}",
};
