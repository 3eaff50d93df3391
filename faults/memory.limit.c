/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/str.h"
#include "shim/shim.h"
#include "stage/links.h"

/*
 * memory.limit: a service runs out of memory.
 *
 *   oom-kill  what it has in memory (of its own, and shared without a file) is watched; beyond the
 *             limit the largest process is killed, as the kernel would in a container. A process
 *             that takes and gives back in less than a look is not caught.
 *   enomem    each process may map no more private, writable memory (RLIMIT_DATA): malloc() and
 *             mmap() fail. Never RLIMIT_AS, which ends Node and Go at their start. Our library,
 *             where it is loaded, counts what malloc() and its family were refused. Elsewhere a
 *             refusal leaves no trace that others could see; what is seen then is a service that
 *             ends in trouble with next to nothing left.
 */
struct memory_limit_opts {
	char *service;
	int64_t most, left;
	int mode;
};

enum { OOM_KILL, ENOMEM_MODE };
#define NEXT_TO_NOTHING (1 << 20)

static const struct opt_value memory_limit_modes[] = {
	{ "oom-kill", "who takes more is killed: of the service's processes the largest" },
	{ "enomem", "who asks for more is refused: malloc() fails" },
	{ NULL, NULL },
};

static const struct opt memory_limit_rows[] = {
	SERVICE_ROW(memory_limit_opts),
	LIMIT_MOST(memory_limit_opts, OPT_SIZE, "1 B",
		   "oom-kill: what the service may have in memory; enomem: what each of its "
		   "processes may map", "64 MiB"),
	LIMIT_LEFT(memory_limit_opts, OPT_SIZE, "0 B",
		   "without most: how much more than it has when this strikes", "4 MiB"),
	{ .name = "mode", .type = OPT_ENUM, .offset = offsetof(struct memory_limit_opts, mode),
	  .def = "oom-kill", .values = memory_limit_modes,
	  .help = "what becomes of who wants more" },
	OPT_END
};

/* ---- oom-kill ---- */

/* What the kernel could not reclaim. What several share is counted once, if it is all the same. */
static int64_t oom_used(const struct tasks *t)
{
	int64_t own = 0, shared = 0;
	struct task_use u;

	for (size_t i = 0; i < t->count; i++) {
		if (!task_use(t->pid[i], &u))
			continue;
		own += u.anon;
		shared = u.shared > shared ? u.shared : shared;
	}
	return own + shared;
}

static pid_t largest(const struct tasks *t)
{
	struct task_use u;
	int64_t most = -1;
	pid_t pid = 0;

	for (size_t i = 0; i < t->count; i++) {
		if (task_use(t->pid[i], &u) && u.resident > most) {
			most = u.resident;
			pid = t->pid[i];
		}
	}
	return pid;
}

/* Is it still there? Only then would a second one have to die. */
static bool dying(const struct limited_service *v, const struct tasks *t)
{
	for (size_t i = 0; v->victim && i < t->count; i++)
		if (t->pid[i] == v->victim)
			return true;
	return false;
}

static void oom_look(struct limit_state *s, struct limited_service *v, const struct tasks *t)
{
	int64_t used = dying(v, t) ? 0 : oom_used(t);

	if (used <= v->most)
		return;
	v->victim = largest(t);
	if (v->victim && stage_task_kill(s->run->stage, v->name, v->victim) == 0)
		limit_fired(s, v, "the largest of %zu process%s is killed: %" PRId64 " KiB in use, "
			    "it may have %" PRId64, t->count, t->count == 1 ? "" : "es",
			    used / 1024, v->most / 1024);
}

static const struct limit_kind oom_kind = {
	.resource = -1,
	.every_ns = 5 * NS_PER_MS,
	.used = oom_used,
	.look = oom_look,
};

/* ---- enomem ---- */

void memory_limit_nodes(const struct experiment *x, struct strlist *ret)
{
	for (size_t i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;
		const struct memory_limit_opts *o = x->faults[i].opts;
		const char *slash = NULL;
		char node[256];

		if (!str_eq(ops->name, "memory.limit") || o->mode != ENOMEM_MODE)
			continue;
		slash = strchr(o->service, '/'); /* "NODE/NAME"; a name alone may be on any */
		snprintf(node, sizeof(node), "%.*s", slash ? (int)(slash - o->service) : 1,
			 slash ? o->service : "*");
		strlist_add(ret, node, (struct mark){ 0 });
	}
}

static int64_t enomem_used(const struct tasks *t)
{
	struct task_use u = { 0 };

	return t->count && task_use(t->pid[0], &u) ? u.data : 0;
}

static bool in_trouble(const char *ended)
{
	return ended && !strstr(ended, "status 0") && !strstr(ended, "SIGKILL") &&
	       !strstr(ended, "SIGTERM");
}

/* Those of malloc() and its family, exactly: how many since the last look. */
static int64_t seen_refused(struct limit_state *s, struct limited_service *v)
{
	struct shim *shim = stage_shim(s->run->stage, v->node);
	int64_t all = shim ? (int64_t)shim_refused(shim, v->name) : 0, since = all - v->refused;

	v->refused = all;
	return s->arming ? 0 : since;
}

static void enomem_look(struct limit_state *s, struct limited_service *v, const struct tasks *t)
{
	const char *ended = limit_ended(s, v);
	int64_t refused = seen_refused(s, v);
	bool alive = false, at_limit = false;
	struct task_use u;

	if (refused > 0) {
		s->run->many = refused;
		limit_fired(s, v, "malloc() was refused %" PRId64 " time%s", refused,
			    refused == 1 ? "" : "s");
	} else if (v->at_limit && in_trouble(ended) && !v->hits)
		limit_fired(s, v, "%s with next to nothing left of the %" PRId64 " KiB that it may "
			    "map", ended, v->most / 1024);
	for (size_t i = 0; i < t->count; i++) {
		if (!task_use(t->pid[i], &u))
			continue; /* it may be dead and its end not told yet: what was, counts */
		alive = true;
		at_limit |= u.data > v->most - NEXT_TO_NOTHING;
	}
	if (alive)
		v->at_limit = at_limit;
}

static const struct limit_kind enomem_kind = {
	.resource = RLIMIT_DATA,
	.every_ns = 20 * NS_PER_MS,
	.used = enomem_used,
	.look = enomem_look,
	.blind = "had next to nothing left; malloc() was refused nothing, and whether mmap() was "
		 "cannot be seen",
};

/* ---- hooks ---- */

static int memory_limit_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct memory_limit_opts *o = opts;
	const struct limit_kind *kind = o->mode == ENOMEM_MODE ? &enomem_kind : &oom_kind;

	return limit_arm(state, r, kind, o->service, o->most, o->left, e);
}

static void memory_limit_check(const void *opts, struct mark at, struct diag *d)
{
	const struct memory_limit_opts *o = opts;

	limit_check(o->most, o->left, at, d);
}

static int memory_limit_check_target(const void *opts, const struct target *t, struct mark at,
				     struct diag *d)
{
	return service_check_target(((const struct memory_limit_opts *)opts)->service, t, at, d);
}

static void memory_limit_describe(const void *opts, struct buf *out)
{
	const struct memory_limit_opts *o = opts;

	buf_printf(out, "%s ", o->service);
	limit_amount(out, (o->most + 1023) / 1024, (o->left + 1023) / 1024, "KiB of memory");
	buf_adds(out, o->mode == ENOMEM_MODE ? "; more is refused" : "; who takes more is killed");
}

const struct fault_ops fault_memory_limit = {
	.name = "memory.limit",
	.summary = "a service runs out of memory: it is killed, or refused more",
	.layer = LAYER_RESOURCE,
	.cost = "none",
	.privilege = "user namespaces",
	.opts = { memory_limit_rows, sizeof(struct memory_limit_opts) },
	.state_size = sizeof(struct limit_state),
	.check = memory_limit_check,
	.check_target = memory_limit_check_target,
	.arm = memory_limit_arm,
	.disarm = limit_disarm,
	.release = limit_release,
	.describe = memory_limit_describe,
	.example = "memory.limit: {service: store/store, left: 4 MiB}",
};
