/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/limit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

/* ---- looking ---- */

static void look(struct limit_state *s)
{
	struct tasks t;

	for (size_t i = 0; i < s->count; i++) {
		struct limited_service *v = &s->at[i];

		if (v->limit)
			stage_limit_again(v->limit);
		stage_tasks(s->run->stage, v->name, &t);
		s->kind->look(s, v, &t);
		v->ever_at_limit |= v->at_limit;
	}
}

static void on_timer(struct loop_timer *timer, int64_t now_ns)
{
	struct limit_state *s = (struct limit_state *)timer;

	look(s);
	/* From now, not from when it was due: looks that come late are not made up for. */
	loop_timer_at(s->run->loop, timer, now_ns + s->kind->every_ns);
}

const char *limit_ended(struct limit_state *s, struct limited_service *v)
{
	struct service_state now;

	if (stage_services(s->run->stage, v->name, &now, 1) != 1)
		return NULL;
	if (now.running && now.starts == v->starts)
		return NULL;
	if (v->starts < 0) { /* it was down already */
		v->starts = now.running ? now.starts : -1;
		return NULL;
	}
	v->starts = now.running ? now.starts : -1;
	return now.ended;
}

void limit_fired(struct limit_state *s, struct limited_service *v, const char *fmt, ...)
{
	char did[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(did, sizeof(did), fmt, ap);
	va_end(ap);
	v->hits++;
	run_fired(s->run, v->node, NULL, v->name, "%s", did);
}

/* ---- hooks ---- */

static int limit_one(struct run *r, const struct service_state *found, void *arg, struct err *e)
{
	struct limit_state *s = arg;
	struct limited_service *v;
	struct tasks t;

	if (s->most == 0 && !found->running) {
		run_skipped(r, found->node, found->name, "it was not running: nothing to count");
		return 0;
	}
	s->at = xrealloc(s->at, (s->count + 1) * sizeof(*s->at));
	v = &s->at[s->count++];
	*v = (struct limited_service){ .name = xstrdup(found->name), .node = found->node,
				       .most = s->most,
				       .starts = found->running ? found->starts : -1 };
	if (s->most == 0) {
		stage_tasks(r->stage, v->name, &t);
		v->most = s->left + s->kind->used(&t);
	}
	if (s->kind->resource < 0)
		return 0;
	return stage_limit_take(r->stage, v->name, s->kind->resource, v->most, &v->limit, e);
}

int limit_arm(struct limit_state *s, struct run *r, const struct limit_kind *kind,
	      const char *service, int64_t most, int64_t left, struct err *e)
{
	int n;

	s->run = r;
	s->kind = kind;
	s->most = most;
	s->left = left;
	n = service_each(r, service, limit_one, s, e);
	if (n < 0)
		return n;
	s->arming = true;
	look(s);
	s->arming = false;
	s->timer.fire = on_timer;
	loop_timer_at(r->loop, &s->timer, clock_now() + kind->every_ns);
	return 0;
}

int limit_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct limit_state *s = state;

	(void)opts;
	(void)e;
	if (!s->run)
		return 0;
	if (loop_timer_armed(&s->timer))
		look(s);
	loop_timer_cancel(r->loop, &s->timer);
	for (size_t i = 0; i < s->count; i++) {
		struct limited_service *v = &s->at[i];

		stage_limit_give(v->limit);
		v->limit = NULL;
		if (v->ever_at_limit && !v->hits && s->kind->blind)
			run_skipped(r, v->node, v->name, "%s", s->kind->blind);
		v->ever_at_limit = false;
	}
	return 0;
}

void limit_release(struct run *r, void *state)
{
	struct limit_state *s = state;

	(void)r;
	for (size_t i = 0; i < s->count; i++)
		free(s->at[i].name);
	free(s->at);
}

/* ---- words ---- */

void limit_check(int64_t most, int64_t left, struct mark at, struct diag *d)
{
	if (most > 0 && left > 0)
		diag_error(d, at, "`most:` and `left:` exclude each other: give one of them");
}

void limit_amount(struct buf *out, int64_t most, int64_t left, const char *things)
{
	if (most > 0)
		buf_printf(out, "may have %" PRId64 " %s", most, things);
	else if (left > 0)
		buf_printf(out, "may have %" PRId64 " more %s than it has", left, things);
	else
		buf_printf(out, "may have no more %s than it has", things);
}
