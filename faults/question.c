/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/question.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "stage/links.h"
#include "wire/wire.h"

const struct opt_value question_types[] = {
	[WIRE_DNS_ANY] = { "any", "every question" },
	[WIRE_DNS_A] = { "a", "for an IPv4 address" },
	[WIRE_DNS_AAAA] = { "aaaa", "for an IPv6 address" },
	[WIRE_DNS_PTR] = { "ptr", "for the name of an address" },
	{ NULL, NULL },
};

/* ---- checking ---- */

void question_check(const void *opts, struct mark at, struct diag *d)
{
	const struct question_opts *o = opts;

	if (strlen(o->name) >= WIRE_NAME_MAX)
		diag_error(d, at, "name: at most %d characters", WIRE_NAME_MAX - 1);
	for (const char *p = o->name; *p; p++)
		if (*p >= 'A' && *p <= 'Z') {
			diag_error(d, at, "name: \"%s\": names are compared in lower case; write "
				   "it so", o->name);
			return;
		}
}

static int nodes_matching(const struct target *t, const char *pattern, uint64_t ret[4])
{
	int n = 0;

	for (size_t i = 0; i < target_wired(t); i++) {
		if (!str_glob(pattern, t->nodes[i].name))
			continue;
		ret[i / 64] |= UINT64_C(1) << (i % 64);
		n++;
	}
	return n;
}

int question_check_target(const void *opts, const struct target *t, struct mark at,
			  struct diag *d)
{
	const struct question_opts *o = opts;
	uint64_t set[4] = { 0 };
	int n = nodes_matching(t, o->node, set);

	if (!n)
		target_no_node(t, o->node, at, "node", d);
	if (t->resolve == RESOLVE_HOSTS)
		diag_error(d, at, "target %s says `resolve: hosts`: its nodes ask no name server, "
			   "so no answer can fail", t->name);
	return n && t->resolve == RESOLVE_DNS ? 0 : -EINVAL;
}

/* ---- telling ---- */

static const char *type_name(unsigned type, char *buf, size_t len)
{
	static const struct {
		uint16_t type;
		const char *name;
	} types[] = { { 1, "A" },      { 2, "NS" },     { 5, "CNAME" },   { 6, "SOA" },
		      { 12, "PTR" },   { 15, "MX" },    { 16, "TXT" },    { 28, "AAAA" },
		      { 33, "SRV" },   { 64, "SVCB" },  { 65, "HTTPS" },  { 255, "ANY" } };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == type)
			return types[i].name;
	snprintf(buf, len, "TYPE%u", type);
	return buf;
}

static const char *did_words(const struct wire_dns_hit *h, char *buf, size_t len)
{
	static const char *const codes[WIRE_DNS_HOWS] = { "answered NXDOMAIN", "answered SERVFAIL",
							  "answered REFUSED", "not answered" };

	if (h->did == DNS_DID_LATE)
		snprintf(buf, len, "answered late by %" PRId64 ".%03" PRId64 " ms",
			 h->ns / NS_PER_MS, h->ns % NS_PER_MS / NS_PER_US);
	else if (h->did == DNS_DID_WRONG)
		snprintf(buf, len, h->v6 ? "answered " WIRE_ADDR6_FMT : "answered " WIRE_ADDR4_FMT,
			 h->host);
	else
		return h->how < WIRE_DNS_HOWS ? codes[h->how] : "?";
	return buf;
}

static void on_hit(void *arg, const struct wire_dns_hit *h)
{
	struct question_state *s = arg;
	struct run *r = s->run;
	const char *node = h->node < r->target->nodes_count ? r->target->nodes[h->node].name : "?";
	char did[96], type[16], object[WIRE_NAME_MAX + 64];

	if (h->did == DNS_DID_UNHEARD) {
		r->many = (int64_t)h->count;
		run_fired(r, NULL, NULL, NULL, "%" PRIu64 " more answers altered: too many at "
			  "once to say which", h->count);
		return;
	}
	if (h->count > 1) {
		r->many = (int64_t)h->count;
		run_fired(r, node, NULL, NULL, "%" PRIu64 " more questions %s", h->count,
			  did_words(h, did, sizeof(did)));
		return;
	}
	type_name(h->type, type, sizeof(type));
	snprintf(object, sizeof(object), "%s>%s %s#%u", node, h->name[0] ? h->name : ".",
		 type_name(h->type, type, sizeof(type)), h->nth);
	run_fired(r, node, NULL, object, "%s", did_words(h, did, sizeof(did)));
}

/* ---- arming ---- */

struct wire_dns_rule question_rule(const struct run *r, const struct question_opts *o,
				   enum wire_dns_effect effect)
{
	struct wire_dns_rule rule = { .effect = effect, .fault = r->fault,
				      .seed = (uint64_t)r->seed, .type = (uint8_t)o->type,
				      .gate = r->gate, .chance = o->rate };
	const struct fault_ops *ops = r->experiment->faults[r->fault].kind->ops;

	snprintf(rule.name, sizeof(rule.name), "%s.%d", ops->name, r->fault);
	snprintf(rule.pattern, sizeof(rule.pattern), "%s", o->name);
	nodes_matching(r->target, o->node, rule.nodes);
	return rule;
}

int question_arm(struct run *r, const struct wire_dns_rule *rule, void *state, struct err *e)
{
	struct question_state *s = state;
	struct wire *w = stage_wire(r->stage);
	int err;

	s->run = r;
	err = wire_dns_add(w, r->loop, rule, on_hit, s, &s->id, e);
	s->armed = err >= 0;
	return err;
}

int question_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct question_state *s = state;
	struct wire *w = stage_wire(r->stage);
	(void)opts;
	if (!s->armed)
		return 0;
	s->armed = false;
	return wire_dns_del(w, s->id, e);
}

void question_describe(const struct question_opts *o, struct buf *out)
{
	if (o->rate < 1)
		buf_printf(out, "%.4g %% of ", o->rate * 100);
	buf_adds(out, "questions");
	if (strcmp(o->node, "*") != 0)
		buf_printf(out, " of %s", o->node);
	if (strcmp(o->name, "*") != 0)
		buf_printf(out, " for %s", o->name);
	if (o->type != WIRE_DNS_ANY)
		buf_printf(out, " (%s)", question_types[o->type].name);
}
