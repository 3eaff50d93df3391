/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/limit.h"

#include <inttypes.h>
#include <sys/resource.h>

#include "base/clock.h"

/*
 * process.limit: a service may start no more processes and threads (EAGAIN). Where this host lets
 * the harness make a cgroup with the pids controller, that refuses and counts: each refusal is a
 * hit. Elsewhere RLIMIT_NPROC refuses (every service has a user namespace of its own, so that it
 * counts this service alone) and nobody can see it.
 */
struct process_limit_opts {
	char *service;
	int64_t most, left;
};

static const struct opt process_limit_rows[] = {
	SERVICE_ROW(process_limit_opts),
	LIMIT_MOST(process_limit_opts, OPT_INT, "1",
		   "processes and threads that it may have, all together", "32"),
	LIMIT_LEFT(process_limit_opts, OPT_INT, "0",
		   "without most: how many more than it has when this strikes", "2"),
	OPT_END
};

static int64_t process_limit_used(const struct tasks *t)
{
	struct task_use u;
	int64_t n = 0;

	for (size_t i = 0; i < t->count; i++)
		n += task_use(t->pid[i], &u) ? u.threads : 0;
	return n;
}

static void process_limit_look(struct limit_state *s, struct limited_service *v,
			       const struct tasks *t)
{
	int64_t refused = v->limit ? stage_limit_refused(v->limit) : -1;

	v->at_limit = process_limit_used(t) >= v->most;
	if (refused <= v->hits)
		return;
	s->run->many = refused - v->hits;
	limit_fired(s, v, "EAGAIN on a new process or thread: it may have %" PRId64, v->most);
	v->hits = refused;
}

static const struct limit_kind process_limit_kind = {
	.resource = RLIMIT_NPROC,
	.every_ns = 20 * NS_PER_MS,
	.used = process_limit_used,
	.look = process_limit_look,
	.blind = "had as many processes as it may have; whether it was refused one more cannot be "
		 "seen without a cgroup",
};

static int process_limit_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct process_limit_opts *o = opts;

	return limit_arm(state, r, &process_limit_kind, o->service, o->most, o->left, e);
}

static void process_limit_check(const void *opts, struct mark at, struct diag *d)
{
	const struct process_limit_opts *o = opts;

	limit_check(o->most, o->left, at, d);
}

static int process_limit_check_target(const void *opts, const struct target *t, struct mark at,
				      struct diag *d)
{
	return service_check_target(((const struct process_limit_opts *)opts)->service, t, at, d);
}

static void process_limit_describe(const void *opts, struct buf *out)
{
	const struct process_limit_opts *o = opts;

	buf_printf(out, "%s ", o->service);
	limit_amount(out, o->most, o->left, "processes and threads");
}

const struct fault_ops fault_process_limit = {
	.name = "process.limit",
	.summary = "a service may start no more processes and threads",
	.layer = LAYER_RESOURCE,
	.cost = "none",
	.privilege = "user namespaces; hits: a cgroup",
	.opts = { process_limit_rows, sizeof(struct process_limit_opts) },
	.state_size = sizeof(struct limit_state),
	.check = process_limit_check,
	.check_target = process_limit_check_target,
	.arm = process_limit_arm,
	.disarm = limit_disarm,
	.release = limit_release,
	.describe = process_limit_describe,
	.example = "process.limit: {service: store/store, left: 2}",
};
