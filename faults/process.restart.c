/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/service.h"

/*
 * process.restart: the service is stopped and started again, as an update at
 * noon or an administrator does it; politely (its stop signal, SIGKILL after
 * stop_within) or not.
 */
struct restart_opts {
	char *service;
	bool polite;
};

static const struct opt restart_rows[] = {
	SERVICE_ROW(restart_opts),
	{ .name = "polite", .type = OPT_BOOL, .offset = offsetof(struct restart_opts, polite),
	  .def = "true", .help = "by its stop signal (true) or by SIGKILL (false)" },
	OPT_END
};

static int restart_one(struct run *r, const struct service_state *s, void *arg, struct err *e)
{
	const struct restart_opts *o = arg;
	char process[256];
	int err;

	if (!s->running) {
		run_skipped(r, s->node, s->name, "it was not running");
		return 0;
	}
	err = stage_restart(r->stage, s->name, o->polite, e);
	if (err < 0)
		return err;
	run_fired(r, s->node, service_process(s, process, sizeof(process)), s->name,
		  "restarted %s", o->polite ? "by its stop signal" : "by SIGKILL");
	return 0;
}

static int restart_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct restart_opts o = *(const struct restart_opts *)opts;
	int n = service_each(r, o.service, restart_one, &o, e);

	(void)state;
	return n < 0 ? n : 0;
}

static int restart_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	(void)r;
	(void)opts;
	(void)state;
	(void)e;
	return 0;
}

static int restart_check_target(const void *opts, const struct target *t, struct mark at,
				struct diag *d)
{
	return service_check_target(((const struct restart_opts *)opts)->service, t, at, d);
}

static void restart_describe(const void *opts, struct buf *out)
{
	const struct restart_opts *o = opts;

	buf_printf(out, "%s is restarted %s", o->service, o->polite ? "politely" : "by SIGKILL");
}

const struct fault_ops fault_process_restart = {
	.name = "process.restart",
	.summary = "a service is stopped and started again",
	.layer = LAYER_PROCESS,
	.cost = "none until it fires",
	.privilege = "none",
	.opts = { restart_rows, sizeof(struct restart_opts) },
	.momentary = true,
	.check_target = restart_check_target,
	.arm = restart_arm,
	.disarm = restart_disarm,
	.describe = restart_describe,
	.example = "process.restart: {service: store/store, polite: true}",
};
