/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Supervision of one service:
 *
 *            start                 its end, and policy, hold, again
 *   DOWN ───────────► UP ─────────────────────────► WAITING ─► UP
 *     ▲               │ stop                           │
 *     └── gone ── STOPPING ◄── restart ─────────── stop┘
 *
 * A service is started anew only when nothing of its last run is left: its
 * ports and files are free then. Holds (a fault keeps it down) are counted and
 * beat the policy; what we killed ourselves is not held against the target.
 */
#include "stage/room.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

#define STARTS_PATIENCE 5

/* Its ordinal path: the name and how often it was started before. */
static void svc_process(const struct svc *s, char *ret, size_t len)
{
	snprintf(ret, len, "%s/%d", s->name, s->starts > 0 ? s->starts - 1 : 0);
}

void svc_event(struct svc *s, enum service_event ev, const char *did)
{
	const struct stage_hooks *h = &s->st->o.hooks;
	char process[512];

	svc_process(s, process, sizeof(process));
	if (h->service)
		h->service(h->arg, ev, s->node->conf->name, s->name, process, did);
}

/* ---- readiness ---- */

void svc_ready(struct svc *s)
{
	if (s->ready)
		return;
	s->ready = s->was_ready = true;
	ready_end(s);
	if (s->proc && !s->st->o.hooks.log)
		proc_together(s->proc);
	s->st->wake = true;
	svc_event(s, SERVICE_READY, "ready");
	power_boot(s->node);
}

void svc_unready(struct svc *s, const char *why)
{
	const char *tail = s->proc ? lines_tail(&s->proc->lines) : "";

	if (s->was_ready || s->st->failed.code)
		return;
	err_set(&s->st->failed, EPROTO, "service %s %s; %s%s", s->name, why,
		*tail ? "its last lines:\n" : "it wrote nothing", tail);
	s->st->wake = true;
}

/* ---- what its process tells ---- */

static void on_line(void *arg, const char *line, size_t len)
{
	struct svc *s = arg;
	const struct stage_hooks *h = &s->st->o.hooks;

	if (h->log)
		h->log(h->arg, s->node->conf->name, s->name, line, len);
	ready_line(s, line, len);
}

static void on_started(struct proc *p)
{
	struct svc *s = p->owner;
	char process[512];

	svc_process(s, process, sizeof(process));
	if (s->node->disk)
		disk_owner(s->node->disk, p->keeper, process);
	limits_started(s);
	svc_event(s, SERVICE_STARTED, "started");
	if (s->state == SVC_UP)
		ready_begin(s);
}

static bool policy_restarts(const struct svc *s, bool failed)
{
	if (s->conf->restart == RESTART_ALWAYS)
		return true;
	return s->conf->restart == RESTART_ON_FAILURE && (failed || s->last_status != 0);
}

/* One that will be restarted may fail a few times before it serves, as in life. */
static bool patience(const struct svc *s, const struct proc *p)
{
	return !p->failed && policy_restarts(s, false) && s->starts < STARTS_PATIENCE;
}

static void on_exited(struct proc *p)
{
	struct svc *s = p->owner;
	char did[1200], why[1400];

	proc_ended(p, did, sizeof(did));
	s->last_status = p->status;
	snprintf(s->last_did, sizeof(s->last_did), "%.255s", did);
	if (!s->ready && s->state == SVC_UP && !s->by_us && !patience(s, p)) {
		snprintf(why, sizeof(why), "%s before it was ready%s", did,
			 p->left && p->status == 0
				 ? " (if it is meant to leave daemons behind, say `forks: true`)"
				 : "");
		svc_unready(s, why);
	}
	s->ready = false;
	ready_end(s);
	s->st->wake = true;
	svc_event(s, !p->failed && WIFSIGNALED(p->status) ? SERVICE_KILLED : SERVICE_EXITED, did);
}

/* It is wanted back: now, or after its delay. */
static void come_back(struct svc *s)
{
	int64_t delay = s->conf->restart_delay.ns;

	s->state = SVC_WAITING;
	loop_timer_at(s->st->o.loop, &s->restart, clock_now() + (delay > 0 ? delay : 0));
}

static void on_gone(struct proc *p)
{
	struct svc *s = p->owner;
	bool stopping = s->state == SVC_STOPPING, failed = p->failed, again = s->again;

	if (failed)
		on_exited(p);
	loop_timer_cancel(s->st->o.loop, &s->stop_by);
	proc_done(p);
	free(p);
	s->proc = NULL;
	s->state = SVC_DOWN;
	s->again = false;
	s->frozen = 0;
	s->st->wake = true;
	if (s->node->off)
		return;
	if (s->booting) {
		power_boot(s->node);
		return;
	}
	if (again && !s->held)
		svc_start(s, NULL);
	else if (!stopping && !s->held && !s->st->stopping && policy_restarts(s, failed))
		come_back(s);
}

/* ---- start and stop ---- */

int svc_start(struct svc *s, struct err *e)
{
	struct strmap ours = { 0 };
	struct proc_opts o = {
		.node = s->node,
		.user = s->conf->user,
		.argv = s->conf->run.at,
		.cwd = s->conf->cwd,
		.forks = s->conf->forks,
		.in = -1,
		.out = -1,
		.log = s->log,
		.env = {&s->node->conf->env, &s->conf->env, s->st->o.env, &ours},
	};
	struct proc *p = xcalloc(1, sizeof(*p));
	struct err mine = { 0 };
	char process[512];
	int r;

	assert(!s->proc);
	if (s->node->off) { /* as it boots */
		free(p);
		s->wanted = true;
		s->state = SVC_DOWN;
		return 0;
	}
	p->on_started = on_started;
	p->on_exited = on_exited;
	p->on_gone = on_gone;
	p->owner = p->lines.arg = s;
	p->lines.line = on_line;
	s->starts++;
	s->ready = s->by_us = s->sigkilled = false;
	s->wanted = s->begun = true;
	r = shim_env(s, &ours, &mine);
	svc_process(s, process, sizeof(process));
	o.process = process;
	if (r == 0)
		r = proc_start(p, &o, &mine);
	strmap_done(&ours);
	if (r < 0) {
		free(p);
		s->state = SVC_DOWN;
		err_wrap(&mine, "service %s", s->name);
		if (!s->st->failed.code)
			s->st->failed = mine;
		if (e)
			*e = mine;
		return r;
	}
	s->proc = p;
	s->state = SVC_UP;
	return 0;
}

static void on_restart(struct loop_timer *t, int64_t now_ns)
{
	struct svc *s = container_of(t, struct svc, restart);

	(void)now_ns;
	if (s->state == SVC_WAITING && !s->held)
		svc_start(s, NULL);
}

static void on_stop_by(struct loop_timer *t, int64_t now_ns)
{
	struct svc *s = container_of(t, struct svc, stop_by);

	(void)now_ns;
	if (s->state != SVC_STOPPING || !s->proc)
		return;
	s->sigkilled = true;
	proc_signal(s->proc, SIGKILL, true);
}

void svc_stop(struct svc *s)
{
	int sig = s->conf->stop_signal ? s->conf->stop_signal : SIGTERM;
	int64_t within = s->conf->stop_within.ns;

	if (s->state == SVC_WAITING) {
		loop_timer_cancel(s->st->o.loop, &s->restart);
		s->state = SVC_DOWN;
	}
	if (s->state != SVC_UP)
		return;
	s->state = SVC_STOPPING;
	s->by_us = true;
	ready_end(s);
	if (!s->proc->started)
		proc_sweep(s->proc);
	proc_signal(s->proc, sig, false);
	if (s->frozen)
		proc_signal(s->proc, SIGCONT, true);
	loop_timer_at(s->st->o.loop, &s->stop_by, clock_now() + (within >= 0 ? within : 0));
}

/* ---- the table ---- */

static void svc_init(struct svc *s, struct stage_node *n, const struct service *conf)
{
	*s = (struct svc){ .st = n->st, .node = n, .conf = conf };
	s->name = xasprintf("%s/%s", n->conf->name, conf->name);
	s->log = xasprintf("%s.%s.log", n->conf->name, conf->name);
	s->restart.fire = on_restart;
	s->stop_by.fire = on_stop_by;
}

int services_open(struct stage *st, struct err *e)
{
	size_t count = 0, k = 0;

	for (size_t i = 0; i < st->nodes_count; i++)
		count += st->nodes[i].conf->services_count;
	st->svcs = xcalloc(count + 1, sizeof(*st->svcs));
	st->svcs_count = count;
	for (size_t i = 0; i < st->nodes_count; i++)
		for (size_t j = 0; j < st->nodes[i].conf->services_count; j++)
			svc_init(&st->svcs[k++], &st->nodes[i], &st->nodes[i].conf->services[j]);
	for (k = 0; k < count; k++)
		if (!st->svcs[k].conf->run.count)
			return err_set(e, EINVAL, "service %s: nothing to run", st->svcs[k].name);
	return 0;
}

void services_close(struct stage *st)
{
	for (size_t i = 0; i < st->svcs_count; i++) {
		struct svc *s = &st->svcs[i];

		loop_timer_cancel(st->o.loop, &s->restart);
		loop_timer_cancel(st->o.loop, &s->stop_by);
		ready_end(s);
		if (s->proc)
			proc_done(s->proc);
		free(s->proc);
		free(s->name);
		free(s->log);
	}
	free(st->svcs);
}

struct svc *svc_find(struct stage *st, const char *name)
{
	for (size_t i = 0; i < st->svcs_count; i++)
		if (str_eq(st->svcs[i].name, name))
			return &st->svcs[i];
	return NULL;
}

void svc_last_words(const struct svc *s, char *ret, size_t len)
{
	snprintf(ret, len, "%s", s->last_did[0] ? s->last_did : "is not running");
}

static int no_service(struct err *e, const char *name)
{
	return err_set(e, ENOENT, "there is no service %s", name);
}

/* ---- what faults and the trial ask for ---- */

size_t stage_services(struct stage *st, const char *glob, struct service_state *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < st->svcs_count && n < max; i++) {
		const struct svc *s = &st->svcs[i];

		if (!str_glob(glob, s->name))
			continue;
		ret[n++] = (struct service_state){
			.node = s->node->conf->name, .name = s->name, .ready = s->ready,
			.running = s->proc && !s->proc->exited, .held_down = s->held > 0,
			.starts = s->starts, .main_pid = s->proc ? s->proc->main : 0,
			.ended = s->last_did,
		};
	}
	return n;
}

int stage_signal(struct stage *st, const char *service, int sig, bool tree, struct err *e)
{
	struct svc *s = svc_find(st, service);
	int r;

	if (!s)
		return no_service(e, service);
	if (!s->proc)
		return 0;
	r = proc_signal(s->proc, sig, tree);
	s->by_us = s->by_us || r > 0;
	return r;
}

int stage_freeze(struct stage *st, const char *service, bool freeze, struct err *e)
{
	struct svc *s = svc_find(st, service);

	if (!s)
		return no_service(e, service);
	if (!s->proc || (!freeze && s->frozen == 0))
		return 0;
	s->frozen += freeze ? 1 : -1;
	return freeze || s->frozen == 0 ? proc_signal(s->proc, freeze ? SIGSTOP : SIGCONT, true)
					: 0;
}

int stage_hold(struct stage *st, const char *service, bool hold, struct err *e)
{
	struct svc *s = svc_find(st, service);

	if (!s)
		return no_service(e, service);
	if (!hold && s->held == 0)
		return 0;
	s->held += hold ? 1 : -1;
	if (s->held == 0 && (s->state == SVC_DOWN || s->state == SVC_WAITING) && s->starts > 0 &&
	    !st->stopping && s->conf->restart != RESTART_NEVER) {
		loop_timer_cancel(st->o.loop, &s->restart);
		return svc_start(s, e);
	}
	return 0;
}

int stage_restart(struct stage *st, const char *service, bool polite, struct err *e)
{
	struct svc *s = svc_find(st, service);

	if (!s)
		return no_service(e, service);
	if (s->state == SVC_UP) {
		svc_stop(s);
		if (!polite)
			proc_signal(s->proc, SIGKILL, true);
	}
	if (s->state == SVC_STOPPING) {
		s->again = true;
		return 0;
	}
	loop_timer_cancel(st->o.loop, &s->restart);
	return svc_start(s, e);
}
