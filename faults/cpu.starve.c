/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/service.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/str.h"
#include "stage/tasks.h"

/*
 * cpu.starve: a service gets only a share of the time, as on a host that others keep busy: in each
 * period it runs for a while and is then held where it is (SIGSTOP, all its processes) until the
 * next. Only the target is held, so the harness keeps its time. A hit is a slice in which a process
 * was held that ran, or for which a connection or bytes came meanwhile: who sleeps all through it
 * was not altered. What comes on other ways (a pipe, a timer, a semaphore) is not seen.
 *
 * A stop ends some waiting system calls early, as any stop does (signal(7): epoll_wait and few
 * others return EINTR): programs that must be started again by hand show it here too.
 */
struct cpu_starve_opts {
	char *service;
	double share;
	struct dur period;
};
struct cpu_starve_state {
	struct loop_timer timer; /* first: callbacks cast */
	struct run *run;
	const struct cpu_starve_opts *opts;
	struct service_set held; /* now */
	bool idle[SERVICE_SET_MAX]; /* parallel: had nothing to do when it was stopped */
	int64_t hits;
	int64_t untold;          /* hits since the last event */
};

/* After so many events the rest are told this many at a time. */
#define TOLD_SINGLY 200
#define TOLD_TOGETHER 50

static const struct opt cpu_starve_rows[] = {
	SERVICE_ROW(cpu_starve_opts),
	{ .name = "share", .type = OPT_RATIO, .offset = offsetof(struct cpu_starve_opts, share),
	  .def = "10%", .min = "1%", .max = "99%",
	  .help = "how much of the time it may run", .example = "25%" },
	{ .name = "period", .type = OPT_DURATION,
	  .offset = offsetof(struct cpu_starve_opts, period), .def = "100ms", .min = "10ms",
	  .max = "60s", .domain = DOMAIN_SYSTEM,
	  .help = "from one turn to the next", .example = "1s" },
	OPT_END
};

static void starve_fired(struct cpu_starve_state *s, const struct service_state *v)
{
	char process[256];

	s->hits++;
	s->untold++;
	if (s->hits > TOLD_SINGLY && s->untold < TOLD_TOGETHER)
		return;
	s->run->many = s->untold;
	s->untold = 0;
	run_fired(s->run, v->node, service_process(v, process, sizeof(process)), v->name,
		  "held while it had something to do");
}

/* Has it something to do? One that runs, or for which something has come. */
static bool busy(const struct tasks *t, bool running)
{
	for (size_t i = 0; i < t->count; i++)
		if ((running && task_runnable(t->pid[i])) || task_waited_for(t->pid[i], true))
			return true;
	return false;
}

/* Looked at before it is stopped: afterwards nobody is runnable. */
static int hold_one(struct run *r, const struct service_state *v, void *arg, struct err *e)
{
	struct cpu_starve_state *s = arg;
	struct tasks t;
	bool was_busy;
	int n;

	if (!v->running)
		return 0;
	stage_tasks(r->stage, v->name, &t);
	was_busy = busy(&t, true);
	n = stage_freeze(r->stage, v->name, true, e);
	if (n <= 0)
		return n;
	if (was_busy)
		starve_fired(s, v);
	s->idle[s->held.count] = !was_busy;
	return service_set_add(&s->held, v->name, e);
}

/* What came while it was held, for one that had nothing to do, has waited. */
static void look_at_held(struct cpu_starve_state *s)
{
	struct service_state v;
	struct tasks t;

	for (size_t i = 0; i < s->held.count; i++) {
		if (!s->idle[i] || stage_services(s->run->stage, s->held.name[i], &v, 1) != 1)
			continue;
		stage_tasks(s->run->stage, v.name, &t);
		if (busy(&t, false))
			starve_fired(s, &v);
	}
}

static int turn(struct cpu_starve_state *s, struct err *e)
{
	int r;

	look_at_held(s);
	if (s->held.count)
		return service_set_undo(&s->held, s->run, stage_freeze, e);
	r = service_each(s->run, s->opts->service, hold_one, s, e);
	return r < 0 ? r : 0;
}

static void on_turn(struct loop_timer *timer, int64_t now_ns)
{
	struct cpu_starve_state *s = (struct cpu_starve_state *)timer;
	int64_t runs = (int64_t)((double)s->opts->period.ns * s->opts->share);
	struct err e = { 0 };
	int r = turn(s, &e);

	if (r < 0) {
		run_skipped(s->run, NULL, s->opts->service, "no more turns: %s", e.msg);
		return;
	}
	/* From now: a turn that came late is not made up for. */
	loop_timer_at(s->run->loop, timer,
		      now_ns + (s->held.count ? s->opts->period.ns - runs : runs));
}

static int cpu_starve_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct cpu_starve_state *s = state;

	(void)e;
	s->run = r;
	s->opts = opts;
	s->timer.fire = on_turn;
	on_turn(&s->timer, clock_now());
	return 0;
}

static int cpu_starve_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct cpu_starve_state *s = state;

	(void)opts;
	loop_timer_cancel(r->loop, &s->timer);
	look_at_held(s);
	if (s->untold) {
		r->many = s->untold;
		s->untold = 0;
		run_fired(r, NULL, NULL, s->opts->service, "held while it had something to do");
	}
	return service_set_undo(&s->held, r, stage_freeze, e);
}

static void cpu_starve_release(struct run *r, void *state)
{
	service_set_release(r, &((struct cpu_starve_state *)state)->held);
}

static int cpu_starve_check_target(const void *opts, const struct target *t, struct mark at,
				   struct diag *d)
{
	return service_check_target(((const struct cpu_starve_opts *)opts)->service, t, at, d);
}

static void cpu_starve_describe(const void *opts, struct buf *out)
{
	const struct cpu_starve_opts *o = opts;
	char period[DUR_TEXT];

	buf_printf(out, "%s may run for %.4g %% of every %s", o->service, o->share * 100,
		   dur_text(period, o->period.ns));
}

const struct fault_ops fault_cpu_starve = {
	.name = "cpu.starve",
	.summary = "a service gets only a share of the time",
	.layer = LAYER_RESOURCE,
	.cost = "none",
	.privilege = "none",
	.opts = { cpu_starve_rows, sizeof(struct cpu_starve_opts) },
	.state_size = sizeof(struct cpu_starve_state),
	.check_target = cpu_starve_check_target,
	.arm = cpu_starve_arm,
	.disarm = cpu_starve_disarm,
	.release = cpu_starve_release,
	.describe = cpu_starve_describe,
	.example = "cpu.starve: {service: \"store/*\", share: 10%}",
};
