/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/service.h"

#include <signal.h>

/*
 * process.kill: the service's processes die at once, as by `kill -9` or the
 * kernel's OOM killer. The target's restart policy brings it back, or, with
 * `for:`, only after that time. The main process is signalled first, through
 * its pidfd, before anything is written or logged: with `on: told ok` the
 * signal leaves the harness within microseconds of the reply being read.
 */
struct kill_opts {
	char *service;
	int signal;
	bool whole;
};

static const struct opt_value kill_signals[] = {
	{ "KILL", "no chance to clean up" },
	{ "TERM", "the polite request" },
	{ "ABRT", "as after a failed assertion" },
	{ "SEGV", "as after a wild pointer" },
	{ "INT", "as Ctrl-C" },
	{ NULL, NULL }
};
static const int kill_signal_numbers[] = { SIGKILL, SIGTERM, SIGABRT, SIGSEGV, SIGINT };

static const struct opt kill_rows[] = {
	SERVICE_ROW(kill_opts),
	{ .name = "signal", .type = OPT_ENUM, .offset = offsetof(struct kill_opts, signal),
	  .def = "KILL", .values = kill_signals, .help = "which signal", .example = "KILL" },
	{ .name = "whole", .type = OPT_BOOL, .offset = offsetof(struct kill_opts, whole),
	  .def = "true", .help = "the whole process tree (true) or its main process only (false)" },
	OPT_END
};

/* The options and the state, for the walk over the services. */
struct kill_walk {
	const struct kill_opts *opts;
	struct service_set *held;
};

static int kill_one(struct run *r, const struct service_state *s, void *arg, struct err *e)
{
	const struct kill_walk *w = arg;
	char process[256];
	int n, err;

	if (!s->running) {
		run_skipped(r, s->node, s->name, "it was not running");
		return 0;
	}
	n = stage_signal(r->stage, s->name, kill_signal_numbers[w->opts->signal], w->opts->whole,
			 e);
	if (n < 0)
		return n;
	if (r->lasts) {
		err = stage_hold(r->stage, s->name, true, e);
		if (err < 0 || (err = service_set_add(w->held, s->name, e)) < 0)
			return err;
	}
	if (n == 0)
		run_skipped(r, s->node, s->name, "it was already gone");
	else
		run_fired(r, s->node, service_process(s, process, sizeof(process)), s->name,
			  "killed by SIG%s (%d process%s)",
			  kill_signals[w->opts->signal].name, n, n == 1 ? "" : "es");
	return 0;
}

static int kill_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct kill_walk w = { .opts = opts, .held = state };
	int n = service_each(r, w.opts->service, kill_one, &w, e);

	return n < 0 ? n : 0;
}

static int kill_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	(void)opts;
	return service_set_undo(state, r, stage_hold, e);
}

static int kill_check_target(const void *opts, const struct target *t, struct mark at,
			     struct diag *d)
{
	return service_check_target(((const struct kill_opts *)opts)->service, t, at, d);
}

static void kill_describe(const void *opts, struct buf *out)
{
	const struct kill_opts *o = opts;

	buf_printf(out, "%s is killed (SIG%s%s)", o->service, kill_signals[o->signal].name,
		   o->whole ? "" : ", main process only");
}

const struct fault_ops fault_process_kill = {
	.name = "process.kill",
	.summary = "a service dies at once; with `for:` it stays down that long",
	.layer = LAYER_PROCESS,
	.cost = "none until it fires",
	.privilege = "none",
	.opts = { kill_rows, sizeof(struct kill_opts) },
	.state_size = sizeof(struct service_set),
	.momentary = true,
	.check_target = kill_check_target,
	.arm = kill_arm,
	.disarm = kill_disarm,
	.release = service_set_release,
	.describe = kill_describe,
	.example = "process.kill: {service: store/store}",
};
