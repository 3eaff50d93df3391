/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/service.h"

/*
 * process.hang: every process of the service stops where it is (SIGSTOP) and
 * goes on when healed. Its sockets stay open and the kernel still accepts
 * connections for it, which is what a hung till looks like from outside.
 */
struct hang_opts {
	char *service;
};

static const struct opt hang_rows[] = { SERVICE_ROW(hang_opts), OPT_END };

static int hang_one(struct run *r, const struct service_state *s, void *arg, struct err *e)
{
	char process[256];
	int n;

	if (!s->running) {
		run_skipped(r, s->node, s->name, "it was not running");
		return 0;
	}
	n = stage_freeze(r->stage, s->name, true, e);
	if (n < 0)
		return n;
	if (n == 0) {
		run_skipped(r, s->node, s->name, "it was already gone");
		return 0;
	}
	run_fired(r, s->node, service_process(s, process, sizeof(process)), s->name,
		  "stopped where it was (%d process%s)", n, n == 1 ? "" : "es");
	return service_set_add(arg, s->name, e);
}

static int hang_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	int n = service_each(r, ((const struct hang_opts *)opts)->service, hang_one, state, e);

	return n < 0 ? n : 0;
}

static int hang_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	(void)opts;
	return service_set_undo(state, r, stage_freeze, e);
}

static int hang_check_target(const void *opts, const struct target *t, struct mark at,
			     struct diag *d)
{
	return service_check_target(((const struct hang_opts *)opts)->service, t, at, d);
}

static void hang_describe(const void *opts, struct buf *out)
{
	buf_printf(out, "%s stops answering (every process stopped)",
		   ((const struct hang_opts *)opts)->service);
}

const struct fault_ops fault_process_hang = {
	.name = "process.hang",
	.summary = "a service stops where it is and goes on when healed",
	.layer = LAYER_PROCESS,
	.cost = "none until it fires",
	.privilege = "none",
	.opts = { hang_rows, sizeof(struct hang_opts) },
	.state_size = sizeof(struct service_set),
	.check_target = hang_check_target,
	.arm = hang_arm,
	.disarm = hang_disarm,
	.release = service_set_release,
	.describe = hang_describe,
	.example = "process.hang: {service: store/store}",
};
