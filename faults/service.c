/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

#define SERVICES_MAX 256

/* The pattern that finds it among "node/service" names. */
static const char *service_pattern(const struct run *r, const char *name, char *buf, size_t len)
{
	if (!strcmp(name, SERVICE_TRIGGER))
		return r->cause_service;
	if (strchr(name, '/'))
		return name;
	snprintf(buf, len, "*/%s", name);
	return buf;
}

int service_each(struct run *r, const char *name,
		 int (*fn)(struct run *r, const struct service_state *s, void *arg, struct err *e),
		 void *arg, struct err *e)
{
	struct service_state found[SERVICES_MAX];
	char buf[256];
	const char *pattern = service_pattern(r, name, buf, sizeof(buf));
	size_t n;

	if (!pattern) {
		run_skipped(r, NULL, name, "the trigger did not come from a service");
		return 0;
	}
	n = stage_services(r->stage, pattern, found, SERVICES_MAX);
	for (size_t i = 0; i < n; i++) {
		int err = fn(r, &found[i], arg, e);

		if (err < 0)
			return err;
	}
	return (int)n;
}

static bool service_named(const char *name, const struct node *n, const struct service *s)
{
	char full[256];

	if (!strchr(name, '/'))
		return str_glob(name, s->name);
	snprintf(full, sizeof(full), "%s/%s", n->name, s->name);
	return str_glob(name, full);
}

int service_check_target(const char *name, const struct target *t, struct mark at, struct diag *d)
{
	if (!strcmp(name, SERVICE_TRIGGER))
		return 0;
	for (size_t i = 0; i < t->nodes_count; i++)
		for (size_t k = 0; k < t->nodes[i].services_count; k++)
			if (service_named(name, &t->nodes[i], &t->nodes[i].services[k]))
				return 0;
	diag_error(d, at, "service: target %s has no service \"%s\"", t->name, name);
	for (size_t i = 0; i < t->nodes_count; i++)
		for (size_t k = 0; k < t->nodes[i].services_count; k++)
			diag_note(d, t->nodes[i].services[k].mark, "there is %s/%s",
				  t->nodes[i].name, t->nodes[i].services[k].name);
	return -EINVAL;
}

const char *service_process(const struct service_state *s, char *ret, size_t len)
{
	snprintf(ret, len, "%s/%d", s->name, s->starts > 0 ? s->starts - 1 : 0);
	return ret;
}

int service_set_add(struct service_set *s, const char *name, struct err *e)
{
	if (s->count == SERVICE_SET_MAX)
		return err_set(e, E2BIG, "more than %d services at once", SERVICE_SET_MAX);
	s->name[s->count++] = xstrdup(name);
	return 0;
}

int service_set_undo(struct service_set *s, struct run *r,
		     int (*undo)(struct stage *st, const char *service, bool on, struct err *e),
		     struct err *e)
{
	int ret = 0;

	while (s->count > 0) {
		char *name = s->name[--s->count];
		int err = undo(r->stage, name, false, e);

		if (err < 0 && !ret)
			ret = err;
		free(name);
	}
	return ret;
}

void service_set_release(struct run *r, void *state)
{
	struct service_set *s = state;

	(void)r;
	while (s->count > 0)
		free(s->name[--s->count]);
}
