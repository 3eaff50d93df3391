/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Most of it happens in the counter's process, at the very
 * line of a receipt. Two things are done here: a device that loses its power
 * is cut off the wire (first, so that nobody hears it go), then told so; and
 * whatever somebody puts right by hand (`back:`) is, when its time has come.
 */
#include "faults/device.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/str.h"
#include "counter/counter.h"
#include "ledger/ledger.h"
#include "stage/links.h"
#include "wire/rule.h"
#include "wire/wire.h"

struct device_at {
	struct device_state *state;
	struct loop_timer back;
	unsigned node, wire;
	bool wired, off, stopped, fired;
};

static bool meant(const struct device_opts *o, const struct node *n)
{
	for (size_t i = 0; node_on_counter(n) && i < o->device.count; i++)
		if (str_glob(o->device.at[i], n->name))
			return true;
	return false;
}

/* ---- checking ---- */

void device_check(const void *opts, struct mark at, struct diag *d)
{
	const struct device_opts *o = opts;
	struct regex *re = NULL;
	struct err e = { 0 };

	if (o->as && (!serial_name(o->as) || !strncmp(o->as, "ttyS", 4)))
		diag_error(d, at, "as: \"%s\" is no name for a USB line; expected ttyUSB1, ttyACM0 "
			   "or another number", o->as);
	if (o->rate <= 0)
		diag_error(d, at, "rate: with a chance of nothing it could never fire");
	if (!o->behind)
		return;
	if (strlen(o->behind) >= COUNTER_PATTERN_MAX)
		diag_error(d, at, "behind: longer than %d bytes", COUNTER_PATTERN_MAX - 1);
	else if (regex_new(&re, o->behind, &e) < 0)
		diag_error(d, at, "behind: %s", e.msg);
	regex_free(re);
}

int device_check_target(const void *opts, const struct target *t, struct mark at, struct diag *d)
{
	const struct device_opts *o = opts;
	unsigned before = diag_errors(d);

	for (size_t i = 0; i < o->device.count; i++) {
		struct device_opts one = { .device = { .at = &o->device.at[i], .count = 1 } };
		bool there = false;

		for (size_t k = 0; k < t->nodes_count; k++)
			there |= meant(&one, &t->nodes[k]);
		if (!there)
			diag_error(d, o->device.marks[i], "device: target %s has no device \"%s\"",
				   t->name, o->device.at[i]);
	}
	(void)at;
	return diag_errors(d) > before ? -EINVAL : 0;
}

int device_check_wired(const void *opts, const struct target *t, struct mark at, struct diag *d)
{
	const struct device_opts *o = opts;

	if (device_check_target(opts, t, at, d) < 0)
		return -EINVAL;
	for (size_t i = 0; i < t->nodes_count; i++)
		if (meant(o, &t->nodes[i]) && t->nodes[i].device.serial) {
			diag_error(d, at, "device: %s hangs on a serial line, where this cannot "
				   "be; hosts on the wire can have it", t->nodes[i].name);
			return -EINVAL;
		}
	return 0;
}

static int check_kind(const struct device_opts *o, const struct target *t, struct mark at,
		      struct diag *d, int kind, const char *words)
{
	if (device_check_target(o, t, at, d) < 0)
		return -EINVAL;
	for (size_t i = 0; i < t->nodes_count; i++)
		if (meant(o, &t->nodes[i]) && t->nodes[i].device.kind != kind) {
			diag_error(d, at, "device: %s is no %s", t->nodes[i].name, words);
			return -EINVAL;
		}
	return 0;
}

int device_check_printer(const void *opts, const struct target *t, struct mark at, struct diag *d)
{
	return check_kind(opts, t, at, d, DEVICE_ESCPOS, "printer");
}

int device_check_scanner(const void *opts, const struct target *t, struct mark at, struct diag *d)
{
	return check_kind(opts, t, at, d, DEVICE_BARCODE, "scanner");
}

/* What else of that node has this name, or will have it by the same fault? */
static const struct node *same_name(const struct device_opts *o, const struct target *t,
				    const struct node *n)
{
	for (size_t i = 0; i < t->nodes_count; i++) {
		const struct node *m = &t->nodes[i];

		if (m != n && m->device.serial && str_eq(m->stands_at, n->stands_at) &&
		    (meant(o, m) || str_eq(m->device.serial, o->as)))
			return m;
	}
	return NULL;
}

int device_check_name(const struct device_opts *o, const struct target *t, struct mark at,
		      struct diag *d)
{
	unsigned before = diag_errors(d);

	for (size_t i = 0; o->as && i < t->nodes_count; i++) {
		const struct node *n = &t->nodes[i], *m;

		if (!meant(o, n))
			continue;
		m = n->device.serial ? same_name(o, t, n) : NULL;
		if (!n->device.serial || !strncmp(n->device.serial, "ttyS", 4))
			diag_error(d, at, "as: %s hangs on no USB line: it has no name in /dev "
				   "that could change", n->name);
		else if (m)
			diag_error(d, at, "as: %s and %s would both be /dev/%s", m->name, n->name,
				   o->as);
	}
	return diag_errors(d) > before ? -EINVAL : 0;
}

/* ---- power and paper ---- */

/* Nobody can see that a file is looked for and not found: what an open one loses is the effect. */
static const char *gone(const struct node *n)
{
	if (!n->device.serial)
		return "it loses its power, and what it had not printed";
	return strncmp(n->device.serial, "ttyS", 4) ?
	       "it is unplugged while in use: its file in /dev is gone" :
	       "it is unplugged: what is sent to it is lost";
}

static void on_dropped(void *arg, const struct wire_hit *h)
{
	struct device_at *a = arg;
	struct run *r = a->state->run;

	(void)h;
	if (!a->state->at_once || a->fired)
		return;
	a->fired = true;
	run_fired(r, r->target->nodes[a->node].stands_at, NULL, r->target->nodes[a->node].name,
		  "a packet was lost: the device has no power");
}

static int power_off(struct device_at *a, struct err *e)
{
	struct run *r = a->state->run;
	struct wire_rule rule = { .effect = WIRE_DROP, .fault = r->fault, .gate = gate_all(),
				  .chance = 1, .seed = (uint64_t)r->seed, .way = WIRE_BOTH };
	int err;

	if (a->off)
		return 0;
	a->off = true;
	if (r->target->nodes[a->node].device.serial)
		return counter_power(r->counter, a->node, false, NULL, e);
	snprintf(rule.name, sizeof(rule.name), "device.unplug.%d", r->fault);
	rule.a[a->node / 64] |= UINT64_C(1) << (a->node % 64);
	memset(rule.b, 0xff, sizeof(rule.b));
	err = wire_rule_add(stage_wire(r->stage), r->loop, &rule, on_dropped, a, &a->wire, e);
	if (err < 0)
		return err;
	a->wired = true;
	return counter_power(r->counter, a->node, false, NULL, e);
}

static int put_right(struct device_at *a, struct err *e)
{
	struct run *r = a->state->run;
	int err = 0, ret = 0;

	if (a->off)
		ret = counter_power(r->counter, a->node, true, a->state->as, e);
	if (a->stopped)
		ret = counter_right(r->counter, a->node, e);
	if (a->wired)
		err = wire_rule_del(stage_wire(r->stage), a->wire, e);
	a->off = a->stopped = a->wired = false;
	return ret < 0 ? ret : err;
}

static void back(struct loop_timer *t, int64_t now)
{
	struct device_at *a = (struct device_at *)(void *)((char *)t -
							    offsetof(struct device_at, back));
	struct run *r = a->state->run;
	struct err e = { 0 };

	(void)now;
	if (put_right(a, &e) < 0) { /* a process that is gone is told by its own check */
		run_note(r, r->target->nodes[a->node].stands_at, r->target->nodes[a->node].name,
			 "it could not be put right: %s", e.msg);
		return;
	}
	run_note(r, r->target->nodes[a->node].stands_at, r->target->nodes[a->node].name,
		 EVENT_BACK);
}

/* ---- telling ---- */

static const char *did(const struct counter_hit *h, const struct node *n, char *buf, size_t len)
{
	static const char *const words[COUNTER_EFFECTS] = {
		[COUNTER_PAPER_OUT] = "the paper ends", [COUNTER_COVER_OPEN] = "the cover is open",
		[COUNTER_UNPLUG] = "it loses its power", [COUNTER_SLOW] = "held back",
		[COUNTER_BACKLOG] = "taken, and not printed", [COUNTER_RESET] = "it starts anew",
	};
	static const char *const others[COUNTER_EFFECTS] = {
		[COUNTER_PAPER_LOW] = "says that its paper is low",
		[COUNTER_SILENT] = "takes what it is sent and does nothing",
		[COUNTER_STALL] = "leaves unread what it is sent",
		[COUNTER_BUSY] = "a connection was reset: it is busy",
		[COUNTER_ONE_CLIENT] = "a connection was reset: it has a client",
		[COUNTER_DRAWER] = "a pulse, and the drawer sticks",
		[COUNTER_DROP_CHARS] = "loses characters of a code",
		[COUNTER_DOUBLE] = "tells a code twice",
		[COUNTER_MISREAD] = "misreads a digit of a code",
	};

	if (others[h->effect])
		snprintf(buf, len, "%s", others[h->effect]);
	else if (h->effect == COUNTER_GARBLE)
		snprintf(buf, len, "a bit of byte #%" PRIu64 " was turned over", h->line);
	else if (h->effect == COUNTER_GONE)
		snprintf(buf, len, "%s", gone(n));
	else
		snprintf(buf, len, "receipt #%" PRIu64 " behind line %" PRIu64 ": %s", h->receipt,
			 h->line, words[h->effect]);
	return buf;
}

static struct device_at *at_of(struct device_state *s, unsigned node)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->at[i].node == node)
			return &s->at[i];
	return NULL;
}

static void on_hit(void *arg, const struct counter_hit *h)
{
	struct device_state *s = arg;
	struct device_at *a = at_of(s, h->node);
	const struct node *n = &s->run->target->nodes[h->node];
	struct err e = { 0 };
	char words[128];

	if (!a || (h->effect == COUNTER_GONE && a->fired))
		return;
	a->fired |= h->effect == COUNTER_GONE;
	if (h->effect == COUNTER_UNPLUG)
		power_off(a, &e);
	a->stopped |= h->effect <= COUNTER_BACKLOG;
	if ((a->stopped || (a->off && !s->at_once)) && s->back_ns >= 0)
		loop_timer_at(s->run->loop, &a->back, clock_now() + s->back_ns);
	run_fired(s->run, n->stands_at, NULL, n->name, "%s", did(h, n, words, sizeof(words)));
}

/* ---- arming ---- */

struct counter_rule device_rule(const struct run *r, const struct device_opts *o,
				enum counter_effect effect)
{
	struct counter_rule rule = { .effect = effect, .fault = r->fault, .chance = o->rate,
				     .seed = (uint64_t)r->seed, .gate = r->gate, .line = o->line };
	const struct fault_ops *ops = r->experiment->faults[r->fault].kind->ops;

	snprintf(rule.name, sizeof(rule.name), "%s.%d.%" PRId64, ops->name, r->fault,
		 r->activation);
	snprintf(rule.behind, sizeof(rule.behind), "%s", o->behind ? o->behind : "");
	for (size_t i = 0; i < r->target->nodes_count; i++)
		if (meant(o, &r->target->nodes[i]))
			rule.nodes[i / 64] |= UINT64_C(1) << (i % 64);
	return rule;
}

static void state_begin(struct run *r, const struct device_opts *o, struct device_state *s)
{
	s->run = r;
	s->as = o->as;
	s->back_ns = o->back.ns <= 0 ? -1 :
		     dur_wall(o->back, r->experiment->shoppers.pace_milli);
	s->at = xcalloc(r->target->nodes_count, sizeof(*s->at));
	for (size_t i = 0; i < r->target->nodes_count; i++)
		if (meant(o, &r->target->nodes[i]))
			s->at[s->count++] = (struct device_at){ .state = s, .node = (unsigned)i,
								.back = { .fire = back } };
}

int device_arm(struct run *r, const struct counter_rule *rule, const struct device_opts *o,
	       void *state, struct err *e)
{
	struct device_state *s = state;
	int err;

	state_begin(r, o, s);
	err = counter_rule_add(r->counter, rule, on_hit, s, &s->id, e);
	s->armed = err >= 0;
	return err;
}

int device_unplug(struct run *r, const struct device_opts *o, void *state, struct err *e)
{
	const struct counter_rule rule = device_rule(r, o, COUNTER_GONE);
	struct device_state *s = state;
	int err = device_arm(r, &rule, o, s, e);

	s->at_once = true;
	for (size_t i = 0; err >= 0 && i < s->count; i++) {
		err = power_off(&s->at[i], e);
		if (err >= 0 && s->back_ns >= 0)
			loop_timer_at(r->loop, &s->at[i].back, clock_now() + s->back_ns);
	}
	return err < 0 ? err : 0;
}

int device_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct device_state *s = state;
	int ret = 0;

	(void)opts;
	if (s->armed)
		ret = counter_rule_del(r->counter, s->id, e);
	s->armed = false;
	for (size_t i = 0; i < s->count; i++) {
		int err = 0;

		loop_timer_cancel(r->loop, &s->at[i].back);
		err = put_right(&s->at[i], e);
		if (err < 0 && !ret)
			ret = err;
	}
	return ret;
}

void device_release(struct run *r, void *state)
{
	struct device_state *s = state;

	(void)r;
	free(s->at);
	s->at = NULL;
	s->count = 0;
}

void device_describe(const struct device_opts *o, struct buf *out)
{
	for (size_t i = 0; i < o->device.count; i++)
		buf_printf(out, "%s%s", i ? ", " : "", o->device.at[i]);
}

void device_place(const struct device_opts *o, struct buf *out)
{
	if (o->behind)
		buf_printf(out, " behind /%s/", o->behind);
	else
		buf_printf(out, " behind line %" PRId64 " of a receipt", o->line);
}
