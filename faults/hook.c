/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/hook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "faults/limit.h"
#include "faults/service.h"
#include "shim/binary.h"
#include "stage/links.h"

struct hook_armed {
	struct hook_state *state;
	const char *node;       /* borrowed from the target */
	struct shim *shim;      /* borrowed */
	uint32_t serial;
};

/* ---- checking ---- */

static bool meant(const struct hook_opts *o, const char *node)
{
	for (size_t i = 0; i < o->node.count; i++)
		if (str_glob(o->node.at[i], node))
			return true;
	return false;
}

static bool service_meant(const struct hook_opts *o, const struct node *n, const struct service *s)
{
	char full[256];

	if (!meant(o, n->name) || !o->service)
		return meant(o, n->name);
	snprintf(full, sizeof(full), "%s/%s", n->name, s->name);
	return str_glob(o->service, strchr(o->service, '/') ? full : s->name);
}

static bool any_meant(const struct hook_opts *o, const struct target *t)
{
	for (size_t i = 0; i < t->nodes_count; i++)
		for (size_t k = 0; k < t->nodes[i].services_count; k++)
			if (service_meant(o, &t->nodes[i], &t->nodes[i].services[k]))
				return true;
	return false;
}

int hook_check_target(const void *opts, const struct target *t, struct mark at, struct diag *d)
{
	const struct hook_opts *o = opts;
	unsigned before = diag_errors(d);

	for (size_t i = 0; i < o->node.count; i++) {
		bool found = false;

		for (size_t k = 0; k < t->nodes_count; k++)
			found |= str_glob(o->node.at[i], t->nodes[k].name) &&
				 t->nodes[k].services_count > 0;
		if (!found)
			diag_error(d, o->node.marks[i], "node: target %s has no node \"%s\" with "
				   "services", t->name, o->node.at[i]);
	}
	if (str_eq(o->service, SERVICE_TRIGGER))
		diag_error(d, at, "service: must be named here: its library is loaded before any "
			   "trigger is known");
	else if (o->service)
		service_check_target(o->service, t, at, d);
	if (diag_errors(d) == before && !any_meant(o, t))
		diag_error(d, at, "service: %s is on none of these nodes", o->service);
	return diag_errors(d) > before ? -EINVAL : 0;
}

int hook_reach(const void *opts, const struct target *t, char *why, size_t why_len)
{
	for (size_t i = 0; i < t->nodes_count; i++)
		for (size_t k = 0; k < t->nodes[i].services_count; k++) {
			const struct service *s = &t->nodes[i].services[k];
			struct binary b;
			const char *no;

			if (!service_meant(opts, &t->nodes[i], s))
				continue;
			binary_look(t, &t->nodes[i], s, &b);
			no = binary_out_of_reach(&b);
			if (!no)
				continue;
			snprintf(why, why_len, "service %s/%s runs %s (%s): %s; name other "
				 "services with `service:`", t->nodes[i].name, s->name, b.path,
				 binary_words(&b), no);
			return -EOPNOTSUPP;
		}
	return 0;
}

enum shim_library hook_library(const struct fault_ops *ops)
{
	if (ops->disarm != hook_disarm)
		return SHIM_LIBRARIES;
	if (str_eq(ops->name, "lib.fail"))
		return SHIM_POINTS;
	return str_eq(ops->name, "lib.alloc-fail") ? SHIM_MEMORY : SHIM_CORE;
}

void hook_nodes(const struct experiment *x, struct strlist ret[SHIM_LIBRARIES])
{
	memory_limit_nodes(x, &ret[SHIM_MEMORY]);
	for (size_t i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;
		const struct hook_opts *o = x->faults[i].opts;

		enum shim_library library = hook_library(ops);

		for (size_t k = 0; library < SHIM_LIBRARIES && k < o->node.count; k++)
			strlist_add(&ret[library], o->node.at[k], o->node.marks[k]);
	}
}

/* ---- telling ---- */

static void on_told(void *arg, const struct shim_told *t)
{
	const struct hook_armed *a = arg;
	struct run *r = a->state->run;
	char did[192];

	r->many = (int64_t)t->count;
	if (!t->hit) {
		run_fired(r, a->node, NULL, NULL, "%" PRIu64 " more call%s altered", t->count,
			  t->count == 1 ? "" : "s");
		return;
	}
	r->at_ns = t->hit->t_ns;
	a->state->words(t->hit, did, sizeof(did));
	run_fired(r, a->node, t->process, t->hit->what, "%s", did);
}

/* ---- arming ---- */

struct shim_rule hook_rule(const struct run *r, enum shim_effect effect)
{
	struct shim_rule rule = { .effect = effect, .fault = r->fault, .seed = (uint64_t)r->seed,
				  .gate = r->gate, .chance = 1 };
	const struct fault_ops *ops = r->experiment->faults[r->fault].kind->ops;

	snprintf(rule.name, sizeof(rule.name), "%s.%d.%" PRId64, ops->name, r->fault,
		 r->activation);
	return rule;
}

int hook_arm(struct run *r, const struct shim_rule *rule, const struct hook_opts *o,
	     void (*words)(const struct shim_hit *h, char *ret, size_t len), void *state,
	     struct err *e)
{
	struct hook_state *s = state;
	int err = 0;

	s->run = r;
	s->words = words;
	s->at = xcalloc(r->target->nodes_count, sizeof(*s->at));
	for (size_t i = 0; err >= 0 && i < r->target->nodes_count; i++) {
		struct hook_armed *a = &s->at[s->count];
		const char *node = r->target->nodes[i].name;
		struct shim *shim = meant(o, node) ? stage_shim(r->stage, node) : NULL;
		struct shim_rule mine = *rule;

		if (!shim)
			continue;
		mine.services = shim_services(shim, o->service);
		*a = (struct hook_armed){ .state = s, .node = node, .shim = shim };
		err = shim_rule_add(shim, r->loop, &mine, on_told, a, &a->serial, e);
		s->count += err >= 0;
	}
	return err < 0 ? err : 0;
}

int hook_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct hook_state *s = state;
	int ret = 0;

	(void)r;
	(void)opts;
	while (s->count > 0) {
		const struct hook_armed *a = &s->at[--s->count];
		int err = shim_rule_del(a->shim, a->serial, e);

		if (err < 0 && !ret)
			ret = err;
	}
	return ret;
}

void hook_release(struct run *r, void *state)
{
	struct hook_state *s = state;

	(void)r;
	free(s->at);
	s->at = NULL;
}

void hook_describe(const struct hook_opts *o, struct buf *out)
{
	buf_adds(out, "in ");
	for (size_t i = 0; i < o->node.count; i++)
		buf_printf(out, "%s%s", i ? ", " : "", o->node.at[i]);
	if (o->service)
		buf_printf(out, ", only %s", o->service);
}
