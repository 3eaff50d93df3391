/* SPDX-License-Identifier: Apache-2.0 */
#include "trial/trigger.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bank/bank.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"
#include "conf/experiment.h"
#include "counter/counter.h"
#include "faults/fault.h"
#include "ledger/ledger.h"

/*
 * Theory of operation
 *
 * Each fault of the experiment has one trigger. A trigger is shut until the
 * shop is open and its `at:` or `after:` has come (at once without either);
 * then it is open. Without `on:` it arms its fault once, when it opens. With
 * `on:` it arms it at every matching event that `nth:` and `probability:` let
 * through (base/gate.h). A fault that counts operations of its own (packets)
 * is armed at once instead and is handed the gate. One arm … disarm is an
 * activation; several may overlap. `for:` ends an activation; without it, the
 * general heal does.
 *
 * Fault events may trigger faults in turn; they are queued and handled when
 * the current arm has returned, so that no fault is armed from inside another.
 */

struct trigger;

struct activation {
	struct activation *next;
	struct trigger *trigger;
	struct run run;
	void *state;              /* owned, ops->state_size bytes */
	struct loop_timer timer;  /* `for: 10s` */
	int64_t until_sales;      /* `for: 5 sales`; -1: none */
	char *cause_node, *cause_service; /* owned */
	bool armed;
};

struct trigger {
	struct triggers *all;
	const struct conf_item *item;
	const struct fault_ops *ops;
	int index;
	bool open;
	struct loop_timer at;
	struct regex *pattern;    /* owned */
	int64_t matched;          /* events of `on:` since it opened */
	int64_t activations, hits;
};

/* A fault event waiting to be shown to the `on: fault` triggers. */
struct pending {
	struct pending *next;
	const char *fault;        /* name, static */
	const char *what;         /* static */
	char *node, *service;     /* owned; the process it hit */
};

struct triggers {
	struct triggers_in in;
	struct trigger *at;
	size_t count, room;       /* triggers; places for them */
	struct activation *active;
	struct pending *pending, **pending_end;
	bool busy, shop_open, healed;
	int inside;               /* in a fault's arm or disarm */
	int64_t open_ns, sales_ok, healed_ns, active_count, fired;
	char *error;              /* owned */
};

/* ---- small helpers ---- */

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static int64_t wall(const struct triggers *t, struct dur d)
{
	return dur_wall(d, t->in.experiment->shoppers.pace_milli);
}

static void remember_error(struct triggers *t, const char *doing, const char *fault,
			   const struct err *e)
{
	if (!t->error)
		t->error = xasprintf("%s %s: %s", doing, fault, e->msg);
}

/* @at_ns: when it happened; 0: now. */
static void note(struct trigger *g, int kind, int64_t at_ns, int64_t hit, const char *node,
		 const char *process, const char *object, const char *did)
{
	struct ledger *l = g->all->in.ledger;

	ledger_event(l, (struct event){ .t_ns = at_ns ? at_ns - ledger_epoch(l) : 0, .kind = kind,
					.fault = g->index, .hit = hit, .node = node,
					.process = process, .object = object, .did = did });
}

static const char *kind_word(int kind)
{
	switch (kind) {
	case EV_ARMED:
		return "armed";
	case EV_FIRED:
		return "fired";
	case EV_HEALED:
		return "healed";
	default:
		return NULL;
	}
}

/* Queue a fault event for `on: fault NAME armed|fired|healed`. */
static void announce(struct trigger *g, int kind, const char *node, const char *service)
{
	struct pending *p;

	if (!kind_word(kind))
		return;
	p = xcalloc(1, sizeof(*p));
	p->fault = g->ops->name;
	p->what = kind_word(kind);
	p->node = dup_or_null(node);
	p->service = dup_or_null(service);
	*g->all->pending_end = p;
	g->all->pending_end = &p->next;
}

static void drain(struct triggers *t);

/* run->emit: what a fault reports of its own doing. */
static void trigger_emit(struct run *r, int kind, const char *node, const char *process,
			 const char *object, const char *did)
{
	struct activation *a = r->trial;
	struct trigger *g = a->trigger;

	if (kind == EV_FIRED) {
		g->hits += r->many > 0 ? r->many : 1;
		g->all->fired++;
	}
	note(g, kind, r->at_ns, kind == EV_FIRED ? g->hits : 0, node, process, object, did);
	announce(g, kind, node, object);
	if (!g->all->inside) /* a hit that came by itself, from a packet or a call */
		drain(g->all);
}

/* ---- arm and disarm ---- */

static void activation_unlink(struct activation *a)
{
	struct activation **p = &a->trigger->all->active;

	while (*p != a)
		p = &(*p)->next;
	*p = a->next;
}

static void activation_end(struct activation *a)
{
	struct trigger *g = a->trigger;
	struct triggers *t = g->all;
	struct err e = { 0 };

	loop_timer_cancel(t->in.loop, &a->timer);
	if (a->armed) {
		t->inside++;
		if (g->ops->disarm(&a->run, g->item->opts, a->state, &e) < 0)
			remember_error(t, "healing", g->ops->name, &e);
		t->inside--;
		note(g, EV_HEALED, 0, 0, a->cause_node, NULL, NULL, NULL);
		announce(g, EV_HEALED, a->cause_node, a->cause_service);
		t->healed_ns = clock_now();
		t->active_count--;
	}
	if (g->ops->release)
		g->ops->release(&a->run, a->state);
	activation_unlink(a);
	free(a->state);
	free(a->cause_node);
	free(a->cause_service);
	free(a);
}

static void activation_timer(struct loop_timer *timer, int64_t now)
{
	struct activation *a =
		(struct activation *)((char *)timer - offsetof(struct activation, timer));

	struct triggers *t = a->trigger->all;

	(void)now;
	activation_end(a);
	drain(t);
}

static struct activation *activation_new(struct trigger *g, const char *node, const char *service)
{
	struct triggers *t = g->all;
	const struct when *w = &g->item->when;
	struct activation *a = xcalloc(1, sizeof(*a));

	a->trigger = g;
	a->cause_node = dup_or_null(node);
	a->cause_service = dup_or_null(service);
	a->state = xcalloc(1, g->ops->state_size ? g->ops->state_size : 1);
	a->until_sales = -1;
	a->timer.fire = activation_timer;
	a->run = (struct run){ .stage = t->in.stage, .bank = t->in.bank,
			       .counter = t->in.counter, .terminals = t->in.terminals,
			       .loop = t->in.loop, .target = t->in.target,
			       .experiment = t->in.experiment, .seed = t->in.seed,
			       .fault = g->index, .activation = ++g->activations,
			       .lasts = w->for_.ns >= 0 || w->for_sales >= 0,
			       .cause_node = a->cause_node, .cause_service = a->cause_service,
			       .gate = gate_all(), .emit = trigger_emit, .trial = a };
	if (g->ops->counts_hits && w->on == ON_NOTHING)
		a->run.gate = when_gate(w, (uint64_t)t->in.seed, g->index);
	a->next = t->active;
	t->active = a;
	return a;
}

/* Arm the fault now; the effect is there when this returns. */
static void arm(struct trigger *g, const char *node, const char *service)
{
	struct triggers *t = g->all;
	const struct when *w = &g->item->when;
	struct activation *a;
	struct err e = { 0 };
	int err = 0;

	if (t->healed || t->error)
		return;
	a = activation_new(g, node, service);
	t->inside++;
	if (g->ops->prepare)
		err = g->ops->prepare(&a->run, g->item->opts, a->state, &e);
	if (err >= 0) {
		note(g, EV_ARMED, 0, a->run.activation, node, NULL, service, NULL);
		announce(g, EV_ARMED, node, service);
		a->armed = true;
		t->active_count++;
		err = g->ops->arm(&a->run, g->item->opts, a->state, &e);
	}
	t->inside--;
	if (err < 0) {
		remember_error(t, "arming", g->ops->name, &e);
		activation_end(a);
		return;
	}
	if (g->ops->momentary && !a->run.lasts) {
		activation_end(a);
		return;
	}
	if (w->for_.ns >= 0)
		loop_timer_at(t->in.loop, &a->timer, clock_now() + wall(t, w->for_));
	if (w->for_sales >= 0)
		a->until_sales = t->sales_ok + w->for_sales;
}

/* ---- events ---- */

static bool lets(const struct trigger *g, int64_t n)
{
	const struct gate gate = when_gate(&g->item->when, (uint64_t)g->all->in.seed, g->index);

	return gate_lets(&gate, n, (uint64_t)g->index, (uint64_t)n);
}

/* An event that `on:` matches, on an open trigger. */
static void matched(struct trigger *g, const char *node, const char *service)
{
	int64_t n = ++g->matched;

	if (lets(g, n))
		arm(g, node, service);
}

static void open_trigger(struct trigger *g)
{
	if (g->open)
		return;
	g->open = true;
	if (g->item->when.on == ON_NOTHING && (g->ops->counts_hits || lets(g, 1)))
		arm(g, NULL, NULL);
}

static void at_timer(struct loop_timer *timer, int64_t now)
{
	struct trigger *g = (struct trigger *)((char *)timer - offsetof(struct trigger, at));

	(void)now;
	open_trigger(g);
	drain(g->all);
}

static bool word_matches(const char *pattern, const char *word)
{
	char any[256];

	if (!pattern || !word)
		return !pattern;
	if (str_glob(pattern, word))
		return true;
	if (strchr(pattern, '/'))
		return false;
	snprintf(any, sizeof(any), "*/%s", pattern);
	return str_glob(any, word);
}

static bool is_open(const struct triggers *t, const struct trigger *g, enum when_on on)
{
	return t->shop_open && !t->healed && g->open && g->item->when.on == on;
}

static void show_pending(struct triggers *t, const struct pending *p)
{
	for (size_t i = 0; i < t->count; i++) {
		struct trigger *g = &t->at[i];
		const struct when *w = &g->item->when;

		if (is_open(t, g, ON_FAULT) && w->word && str_glob(w->word, p->fault) &&
		    str_eq(w->word2, p->what))
			matched(g, p->node, p->service);
	}
}

/* Handle queued fault events, oldest first; arming may queue more. */
static void drain(struct triggers *t)
{
	if (t->busy)
		return;
	t->busy = true;
	while (t->pending) {
		struct pending *p = t->pending;

		t->pending = p->next;
		if (!t->pending)
			t->pending_end = &t->pending;
		show_pending(t, p);
		free(p->node);
		free(p->service);
		free(p);
	}
	t->busy = false;
}

static void end_by_sales(struct triggers *t)
{
	struct activation *a = t->active;

	while (a) {
		struct activation *next = a->next;

		if (a->until_sales >= 0 && t->sales_ok >= a->until_sales)
			activation_end(a);
		a = next;
	}
}

void triggers_told(struct triggers *t, const struct told *told)
{
	for (size_t i = 0; i < t->count; i++) {
		struct trigger *g = &t->at[i];

		if (is_open(t, g, ON_TOLD) &&
		    str_eq(g->item->when.word, outcome_names[told->outcome]))
			matched(g, told->lane, NULL);
	}
	if (told->outcome == TOLD_OK) {
		t->sales_ok++;
		end_by_sales(t);
		for (size_t i = 0; i < t->count; i++)
			if (t->at[i].item->when.after_sales >= 0 && !t->healed &&
			    t->sales_ok >= t->at[i].item->when.after_sales)
				open_trigger(&t->at[i]);
	}
	drain(t);
}

void triggers_service(struct triggers *t, enum service_event ev, const char *node,
		      const char *service)
{
	for (size_t i = 0; ev == SERVICE_STARTED && i < t->count; i++)
		if (is_open(t, &t->at[i], ON_STARTED) &&
		    word_matches(t->at[i].item->when.word, service))
			matched(&t->at[i], node, service);
	drain(t);
}

void triggers_log(struct triggers *t, const char *node, const char *service, const char *line,
		  size_t len)
{
	for (size_t i = 0; i < t->count; i++) {
		struct trigger *g = &t->at[i];

		if (!is_open(t, g, ON_LOG) || !word_matches(g->item->when.word, service) ||
		    !regex_match(g->pattern, line, len))
			continue;
		matched(g, node, service);
	}
	drain(t);
}

static void printed(void *arg, const struct node *device, const char *text, size_t len)
{
	struct triggers *t = arg;

	for (size_t i = 0; i < t->count; i++) {
		struct trigger *g = &t->at[i];

		if (is_open(t, g, ON_PRINTED) && word_matches(g->item->when.word, device->name) &&
		    regex_match(g->pattern, text, len))
			matched(g, device->stands_at, NULL);
	}
	drain(t);
}

/* The answer of the bank waits meanwhile. */
static void banked(void *arg, const char *what, const char *key)
{
	struct triggers *t = arg;

	(void)key;
	for (size_t i = 0; i < t->count; i++) {
		struct trigger *g = &t->at[i];

		if (is_open(t, g, ON_BANK) && str_eq(g->item->when.word, what))
			matched(g, NULL, NULL);
	}
	drain(t);
}

void triggers_open(struct triggers *t, int64_t open_ns)
{
	t->shop_open = true;
	t->open_ns = open_ns;
	for (size_t i = 0; i < t->count; i++) {
		struct trigger *g = &t->at[i];
		const struct when *w = &g->item->when;

		if (w->after_sales > 0)
			continue;
		/* "From the first arrival" is before that shopper does anything. */
		loop_timer_at(t->in.loop, &g->at, open_ns + (w->at.ns > 0 ? wall(t, w->at) : -1));
	}
	drain(t);
}

void triggers_heal(struct triggers *t)
{
	t->healed = true;
	for (size_t i = 0; i < t->count; i++)
		loop_timer_cancel(t->in.loop, &t->at[i].at);
	while (t->active)
		activation_end(t->active); /* NOLINT(clang-analyzer-unix.Malloc): it takes it off */
	drain(t);
}

/* ---- life ---- */

static int trigger_init(struct triggers *t, size_t i, struct err *e)
{
	struct trigger *g = &t->at[i];

	g->all = t;
	g->index = (int)i;
	g->item = &t->in.experiment->faults[i];
	g->ops = g->item->kind->ops;
	g->at.fire = at_timer;
	if (g->item->when.pattern && regex_new(&g->pattern, g->item->when.pattern, e) < 0)
		return err_wrap(e, "faults[%zu].when", i);
	if (g->item->when.on == ON_PRINTED)
		return counter_printed(t->in.counter, printed, t, e);
	if (g->item->when.on == ON_BANK)
		return bank_watch(t->in.bank, banked, t, e);
	return 0;
}

int triggers_new(struct triggers **ret, const struct triggers_in *in, struct err *e)
{
	struct triggers *t = xcalloc(1, sizeof(*t));

	t->in = *in;
	t->pending_end = &t->pending;
	t->count = in->experiment->faults_count;
	t->room = t->count + in->by_hand;
	t->at = xcalloc(t->room + 1, sizeof(*t->at));
	for (size_t i = 0; i < t->count; i++) {
		int r = trigger_init(t, i, e);

		if (r < 0) {
			triggers_free(t);
			return r;
		}
	}
	*ret = t;
	return 0;
}

/* ---- by hand ---- */

int triggers_add(struct triggers *t, struct err *e)
{
	struct trigger *g = &t->at[t->count];
	int r;

	if (t->count == t->room)
		return err_set(e, E2BIG, "that was the last of %zu faults", t->room);
	r = trigger_init(t, t->count, e);
	t->count++; /* also the one that failed: it stays as shut as it is */
	if (r < 0)
		return r;
	if (g->item->when.at.ns > 0)
		loop_timer_at(t->in.loop, &g->at, clock_now() + wall(t, g->item->when.at));
	else
		open_trigger(g);
	drain(t);
	return t->error ? err_set(e, EIO, "%s", t->error) : 0;
}

void triggers_heal_one(struct triggers *t, size_t i)
{
	struct activation *a = t->active;

	t->at[i].open = false;
	loop_timer_cancel(t->in.loop, &t->at[i].at);
	while (a) {
		struct activation *next = a->next;

		if (a->trigger == &t->at[i])
			activation_end(a);
		a = next;
	}
	drain(t);
}

int64_t triggers_hits(const struct triggers *t, size_t i)
{
	return t->at[i].hits;
}

bool triggers_armed(const struct triggers *t, size_t i)
{
	for (const struct activation *a = t->active; a; a = a->next)
		if (a->trigger == &t->at[i])
			return true;
	return loop_timer_armed(&t->at[i].at);
}

void triggers_forget_error(struct triggers *t)
{
	free(steal_ptr(&t->error));
}

void triggers_free(struct triggers *t)
{
	if (!t)
		return;
	triggers_heal(t);
	if (t->in.counter)
		counter_printed(t->in.counter, NULL, NULL, NULL);
	if (t->in.bank)
		bank_watch(t->in.bank, NULL, NULL, NULL);
	for (size_t i = 0; i < t->count; i++)
		regex_free(t->at[i].pattern);
	free(t->at);
	free(t->error);
	free(t);
}

const char *triggers_error(const struct triggers *t)
{
	return t->error;
}

int64_t triggers_active(const struct triggers *t)
{
	return t->active_count;
}

static bool is_armed(const struct triggers *t, const struct trigger *g)
{
	for (const struct activation *a = t->active; a; a = a->next)
		if (a->armed && a->trigger == g)
			return true;
	return false;
}

void triggers_active_names(const struct triggers *t, char *text, size_t size)
{
	size_t len = 0;

	*text = '\0';
	for (size_t i = 0; i < t->count; i++) {
		int n;

		if (!is_armed(t, &t->at[i]))
			continue;
		n = snprintf(text + len, size - len, "%s%s", len ? ", " : "", t->at[i].ops->name);
		if ((size_t)n >= size - len) {
			memcpy(text + size - 4, "...", 4);
			return;
		}
		len += (size_t)n;
	}
}

int64_t triggers_fired(const struct triggers *t)
{
	return t->fired;
}

bool triggers_disturbed(const struct triggers *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->at[i].hits && t->at[i].ops->layer != LAYER_NONE)
			return true;
	return false;
}

int64_t triggers_healed_ns(const struct triggers *t)
{
	return t->healed_ns;
}

bool triggers_waiting(const struct triggers *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (loop_timer_armed(&t->at[i].at))
			return true;
	return false;
}
