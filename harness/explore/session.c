/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The loop of a trial without a crowd. Questions come in
 * on the loop and are queued; they are answered between two runs of the loop,
 * because a sale or a reading of the books runs it itself. Only `enter` is
 * answered at once: it needs nothing but a descriptor.
 */
#include "explore/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "faults/call.h"
#include "faults/drive.h"
#include "faults/hook.h"
#include "ledger/ledger.h"
#include "stage/stage.h"
#include "trial/control.h"
#include "trial/trigger.h"

#define TICK_NS (50 * NS_PER_MS)
#define LOG_CAP (8 << 20)

static void on_service(void *arg, enum service_event ev, const char *node, const char *service,
		       const char *process, const char *did)
{
	static const int kinds[] = { EV_STARTED, EV_READY, EV_EXITED, EV_KILLED };
	struct session *s = arg;

	ledger_event(s->ledger, (struct event){ .kind = kinds[ev], .fault = -1, .node = node,
						.process = process, .object = service,
						.did = did });
	if (s->triggers)
		triggers_service(s->triggers, ev, node, service);
}

static void on_log(void *arg, const char *node, const char *service, const char *line, size_t len)
{
	struct session *s = arg;

	if (s->triggers)
		triggers_log(s->triggers, node, service, line, len);
}

static void on_asked(void *arg, struct control_talk *t, const char *text)
{
	struct session *s = arg;
	struct asked *a;

	if (strncmp(text, "enter ", 6) == 0) {
		control_enter(t, s->stage, text + 6);
		return;
	}
	a = xcalloc(1, sizeof(*a));
	*a = (struct asked){ .talk = t, .text = xstrdup(text) };
	*s->last = a;
	s->last = &a->next;
	s->wake = true;
}

static void on_tick(struct loop_timer *t, int64_t now_ns)
{
	struct session *s = (struct session *)(void *)((char *)t - offsetof(struct session, tick));

	if (*s->in->interrupted || stage_alive(s->stage, NULL) < 0 ||
	    hosts_alive(&s->hosts, NULL) < 0)
		s->wake = s->over = true;
	loop_timer_at(s->loop, t, now_ns + TICK_NS);
}

/* ---- start ---- */

static int open_stage(struct session *s, struct err *e)
{
	struct stage_opts o = { .target = s->in->target, .env = &s->x.env, .log_cap = LOG_CAP,
				.loop = s->loop, .seed = s->x.seed,
				.hooks = { .arg = s, .service = on_service, .log = on_log } };
	bool ran;
	int r;

	s->logs = xasprintf("%s/logs", s->in->dir);
	o.logs = s->logs;
	if (s->in->disks)
		strlist_add(&s->disks, "*", (struct mark){ 0 });
	o.disks = &s->disks;
	drive_logged(s->in->experiment, &s->logged);
	o.logged = &s->logged;
	for (int i = SHIM_CORE; s->in->preload && i <= SHIM_MEMORY; i++)
		strlist_add(&s->shims[i], "*", (struct mark){ 0 });
	if (s->in->preload) /* and what those need that may be armed later */
		hook_nodes(s->in->experiment, s->shims);
	o.shims = s->shims;
	lib_fail_points(s->in->experiment, &s->points);
	o.points = &s->points;
	s->calls = call_watches(s->in->experiment, s->in->target, &o.calls_count);
	o.calls = s->calls;
	r = stage_prepare(s->in->slot, &o, &ran, e);
	if (r == 0)
		r = stage_open(s->in->slot, &o, &s->stage, e);
	if (r == 0)
		r = hosts_open(&s->hosts, s->stage, s->in->target, &s->x, s->loop, s->ledger, e);
	return r == 0 ? stage_start(s->stage, e) : r;
}

static int begin(struct session *s, struct err *e)
{
	struct triggers_in in = { .experiment = &s->x, .target = s->in->target, .seed = s->x.seed,
				  .by_hand = SESSION_FAULTS_MAX };
	int r = loop_new(&s->loop, e);

	if (r == 0)
		r = ledger_open(&s->ledger, s->in->dir, clock_now(), e);
	if (r == 0)
		r = open_stage(s, e);
	if (r < 0)
		return r;
	in.stage = s->stage;
	in.bank = s->hosts.bank;
	in.counter = s->hosts.counter;
	in.terminals = s->hosts.terminals;
	in.loop = s->loop;
	in.ledger = s->ledger;
	r = triggers_new(&s->triggers, &in, e);
	if (r < 0)
		return r;
	s->began_ns = clock_now();
	triggers_open(s->triggers, s->began_ns);
	s->publisher = publisher_new(s->loop, s->stage, s->in->publish, s->in->publish_count);
	s->control = control_serve(s->loop, s->in->control, on_asked, s);
	s->tick.fire = on_tick;
	loop_timer_at(s->loop, &s->tick, s->began_ns + TICK_NS);
	return 0;
}

/* ---- end ---- */

static void drop_asked(struct session *s)
{
	while (s->first) {
		struct asked *a = s->first;

		s->first = a->next;
		free(a->text);
		free(a);
	}
}

static void end(struct session *s)
{
	drop_asked(s);
	control_end(s->control);
	publisher_free(s->publisher);
	triggers_free(steal_ptr(&s->triggers)); /* what stops below tells nobody any more */
	if (s->stage && stage_alive(s->stage, NULL) == 0)
		stage_stop(s->stage, NULL);
	if (s->loop)
		loop_timer_cancel(s->loop, &s->tick);
	hosts_close(&s->hosts);
	stage_free(s->stage);
	if (s->ledger)
		ledger_close(s->ledger, NULL);
	if (s->loop)
		loop_free(s->loop);
	for (size_t i = 0; i < s->x.faults_count; i++) {
		free(s->armed[i].text);
		experiment_free(s->armed[i].in);
	}
	free(s->armed);
	free(s->x.faults);
	free(s->sold);
	free(s->logs);
	free(s->calls);
	strlist_done(&s->disks);
	strlist_done(&s->logged);
	for (int i = 0; i < SHIM_LIBRARIES; i++)
		strlist_done(&s->shims[i]);
	strlist_done(&s->points);
}

/* One turn: run the loop until somebody asks, then answer everybody. */
static int turn(struct session *s, struct err *e)
{
	int r = loop_run_until(s->loop, &s->wake, INT64_MAX);

	s->wake = false;
	if (r < 0)
		return err_errno(e, -r, "the loop");
	while (s->first && !s->over) {
		struct asked *a = s->first;

		s->first = a->next;
		if (!s->first)
			s->last = &s->first;
		session_do(s, a->talk, a->text);
		free(a->text);
		free(a);
	}
	r = stage_alive(s->stage, e);
	return r < 0 ? r : hosts_alive(&s->hosts, e);
}

static void tell_ready(const struct session *s, const char *words)
{
	cleanup_free char *line = xasprintf("%s\n", words);

	if (s->in->ready >= 0 && write(s->in->ready, line, strlen(line)) < 0)
		return; /* nobody waits for it any more */
}

int session_run(const struct session_in *in, struct err *e)
{
	struct session s = { .in = in, .x = *in->experiment };
	int r;

	s.last = &s.first;
	s.x.faults = xcalloc(SESSION_FAULTS_MAX + 1, sizeof(*s.x.faults));
	s.x.faults_count = 0;
	s.armed = xcalloc(SESSION_FAULTS_MAX + 1, sizeof(*s.armed));
	r = begin(&s, e);
	if (r == 0)
		tell_ready(&s, "");
	while (r == 0 && !s.over)
		r = turn(&s, e);
	end(&s);
	return r;
}
