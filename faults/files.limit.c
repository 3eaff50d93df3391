/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/limit.h"

#include <inttypes.h>
#include <sys/resource.h>

#include "base/clock.h"

/*
 * files.limit: a service may open no more files and connections (EMFILE). A refused open() leaves
 * no trace that others could see. What can be seen: a connection that waits at the door of a
 * process of which every descriptor is taken, at two looks in a row, is one that accept() cannot
 * give it. That is a hit, one for each time the queue has to wait.
 */
struct files_limit_opts {
	char *service;
	int64_t most, left;
};

static const struct opt files_limit_rows[] = {
	SERVICE_ROW(files_limit_opts),
	LIMIT_MOST(files_limit_opts, OPT_INT, "1",
		   "descriptors that each of its processes may have", "64"),
	LIMIT_LEFT(files_limit_opts, OPT_INT, "0",
		   "without most: how many more than its first process has when this strikes", "4"),
	OPT_END
};

static int64_t files_limit_used(const struct tasks *t)
{
	int64_t n = t->count ? task_files(t->pid[0], INT64_MAX) : 0;

	return n > 0 ? n : 0;
}

static void files_limit_look(struct limit_state *s, struct limited_service *v,
			     const struct tasks *t)
{
	bool before = v->seen;
	unsigned port = 0;

	v->at_limit = false;
	for (size_t i = 0; i < t->count && !port; i++) {
		if (task_files(t->pid[i], v->most) < v->most)
			continue;
		v->at_limit = true;
		port = task_waited_for(t->pid[i], false);
	}
	v->seen = port != 0;
	v->told &= v->seen;
	if (!v->seen || !before || v->told)
		return;
	v->told = true;
	limit_fired(s, v, "a connection to port %u waits: accept() has no descriptor for it, all "
		    "%" PRId64 " are in use", port, v->most);
}

static const struct limit_kind files_limit_kind = {
	.resource = RLIMIT_NOFILE,
	.every_ns = 20 * NS_PER_MS,
	.used = files_limit_used,
	.look = files_limit_look,
	.blind = "had all its descriptors in use; whether it tried to open one more cannot be seen",
};

static int files_limit_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct files_limit_opts *o = opts;

	return limit_arm(state, r, &files_limit_kind, o->service, o->most, o->left, e);
}

static void files_limit_check(const void *opts, struct mark at, struct diag *d)
{
	const struct files_limit_opts *o = opts;

	limit_check(o->most, o->left, at, d);
}

static int files_limit_check_target(const void *opts, const struct target *t, struct mark at,
				    struct diag *d)
{
	return service_check_target(((const struct files_limit_opts *)opts)->service, t, at, d);
}

static void files_limit_describe(const void *opts, struct buf *out)
{
	const struct files_limit_opts *o = opts;

	buf_printf(out, "%s ", o->service);
	limit_amount(out, o->most, o->left, "open files");
}

const struct fault_ops fault_files_limit = {
	.name = "files.limit",
	.summary = "a service may open no more files and connections",
	.layer = LAYER_RESOURCE,
	.cost = "none",
	.privilege = "user namespaces",
	.opts = { files_limit_rows, sizeof(struct files_limit_opts) },
	.state_size = sizeof(struct limit_state),
	.check = files_limit_check,
	.check_target = files_limit_check_target,
	.arm = files_limit_arm,
	.disarm = limit_disarm,
	.release = limit_release,
	.describe = files_limit_describe,
	.example = "files.limit: {service: store/store, left: 0}",
};
