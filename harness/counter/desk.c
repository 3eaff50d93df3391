/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The process that plays the devices, and what faults say
 * to them. Receipts begun and connections are what rules count; a rule that
 * has picked a receipt acts when so many lines of it are on paper, or behind a
 * line that matches. What happens is told to the worker at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/draw.h"
#include "base/side.h"
#include "base/str.h"
#include "counter/room.h"

#define NO_RULE UINT32_MAX

struct rule_at {
	bool used;
	unsigned id;
	int64_t counted;
	struct regex *behind; /* owned; NULL: by line */
	struct counter_rule rule;
};

struct desk {
	struct side_far *far;
	struct loop *loop;
	const struct desk_opts *o;
	struct printer *printers; /* owned */
	struct rule_at rules[COUNTER_RULES_MAX];
	unsigned added;
	char message[sizeof(struct counter_news) + SLIP_TEXT_MAX + 4096];
};

struct loop *desk_loop(struct desk *d)
{
	return d->loop;
}

/* ---- telling ---- */

static void tell(struct desk *d, const struct counter_news *n, const char *text, size_t len)
{
	memcpy(d->message, n, sizeof(*n));
	if (len)
		memcpy(d->message + sizeof(*n), text, len);
	side_tell(d->far, d->message, sizeof(*n) + len);
}

static void hit(struct desk *d, const struct printer *p, const struct rule_at *at)
{
	struct counter_news n = { .kind = NEWS_HIT, .node = p->node, .t_ns = clock_now() };

	n.hit = (struct counter_hit){ .t_ns = n.t_ns, .rule = at->id, .effect = at->rule.effect,
				      .node = p->node, .receipt = p->receipts, .line = p->lines };
	tell(d, &n, NULL, 0);
}

void desk_slip(struct desk *d, struct printer *p, bool cut)
{
	struct counter_news n = { .kind = NEWS_SLIP, .node = p->node, .t_ns = clock_now(),
				  .cut = cut };

	memset(p->picked, 0, sizeof(p->picked));
	memset(p->passed, 0, sizeof(p->passed));
	tell(d, &n, p->slip.data, p->slip.len);
}

void desk_pulse(struct desk *d, struct printer *p)
{
	struct counter_news n = { .kind = NEWS_PULSE, .node = p->node, .t_ns = clock_now(),
				  .with_last = !p->slip.len && p->cut_here };

	tell(d, &n, NULL, 0);
}

/* ---- rules ---- */

static bool meant(const struct rule_at *at, const struct printer *p)
{
	return at->used && at->rule.nodes[p->node / 64] >> (p->node % 64) & 1;
}

/* The device's how many-eth receipt, or connection, is what the draw is for. */
static bool chosen(struct rule_at *at, const struct printer *p, uint64_t nth)
{
	const struct counter_rule *r = &at->rule;

	at->counted++;
	return gate_lets(&r->gate, at->counted, p->node, nth) &&
	       draw_chance((struct draw){ .seed = r->seed, .name = r->name, .object = p->node,
					  .hit = nth }, r->chance);
}

static bool of_receipts(unsigned effect)
{
	return effect <= COUNTER_UNPLUG || effect == COUNTER_SLOW;
}

int64_t desk_receipt(struct desk *d, struct printer *p)
{
	int64_t wait = 0;

	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		struct rule_at *at = &d->rules[i];

		p->picked[i] = meant(at, p) && of_receipts(at->rule.effect) &&
			       chosen(at, p, p->receipts);
		p->passed[i] = false;
		if (!p->picked[i] || at->rule.effect != COUNTER_SLOW)
			continue;
		hit(d, p, at);
		wait += at->rule.delay_ns;
	}
	return wait;
}

void desk_printed(struct desk *d, struct printer *p, const char *text, size_t len)
{
	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++)
		if (p->picked[i] && d->rules[i].behind)
			p->passed[i] |= regex_match(d->rules[i].behind, text, len);
}

static void stop(struct printer *p, const struct rule_at *at)
{
	p->stopped_by = at->id;
	p->paper_end |= at->rule.effect == COUNTER_PAPER_OUT;
	p->cover_open |= at->rule.effect == COUNTER_COVER_OPEN;
	p->unplugged |= at->rule.effect == COUNTER_UNPLUG;
}

bool desk_line(struct desk *d, struct printer *p)
{
	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		struct rule_at *at = &d->rules[i];

		if (!p->picked[i] || !meant(at, p) || at->rule.effect > COUNTER_UNPLUG ||
		    (at->behind ? !p->passed[i] : (int64_t)p->lines < at->rule.line))
			continue;
		p->picked[i] = false;
		stop(p, at);
		hit(d, p, at);
		return false;
	}
	return true;
}

bool desk_low(struct desk *d, struct printer *p, bool told)
{
	bool low = false;

	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		if (!meant(&d->rules[i], p) || d->rules[i].rule.effect != COUNTER_PAPER_LOW)
			continue;
		low = true;
		if (told && !p->silent)
			hit(d, p, &d->rules[i]);
	}
	return low;
}

enum welcome desk_connect(struct desk *d, struct printer *p)
{
	enum welcome ret = WELCOME;

	p->connections++;
	for (unsigned i = 0; i < COUNTER_RULES_MAX && ret == WELCOME; i++) {
		struct rule_at *at = &d->rules[i];
		bool silent = at->rule.effect == COUNTER_SILENT;

		if (!meant(at, p) || (!silent && at->rule.effect != COUNTER_BUSY) ||
		    !chosen(at, p, p->connections))
			continue;
		ret = silent ? WELCOME_SILENT : WELCOME_BUSY;
		p->silent_by = at->id;
		if (!silent)
			hit(d, p, at);
	}
	return ret;
}

void desk_swallowed(struct desk *d, struct printer *p)
{
	const struct rule_at *at = &d->rules[p->silent_by % COUNTER_RULES_MAX];

	if (p->told_silent)
		return;
	p->told_silent = true;
	hit(d, p, at);
}

/* ---- orders ---- */

static int rule_add(struct desk *d, const struct counter_rule *r)
{
	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		struct rule_at *at = &d->rules[i];

		if (at->used)
			continue;
		*at = (struct rule_at){ .used = true, .rule = *r,
					.id = d->added++ * COUNTER_RULES_MAX + i };
		if (r->behind[0] && regex_new(&at->behind, r->behind, NULL) < 0) {
			at->used = false;
			return -EINVAL;
		}
		for (unsigned k = 0; k < d->o->count; k++) /* no receipt under way knows it */
			d->printers[k].picked[i] = false;
		return (int)at->id;
	}
	return -ENOSPC;
}

static int rule_del(struct desk *d, unsigned id)
{
	struct rule_at *at = &d->rules[id % COUNTER_RULES_MAX];

	if (!at->used || at->id != id)
		return -ENOENT;
	at->used = false;
	regex_free(at->behind);
	at->behind = NULL;
	for (unsigned k = 0; k < d->o->count; k++) {
		struct printer *p = &d->printers[k];

		if (p->stopped_by == id && (p->paper_end || p->cover_open))
			printer_right(p);
		if (p->silent && p->silent_by == id)
			printer_hang_up(p, true);
		if (p->slow && at->rule.effect == COUNTER_SLOW) /* what was held back goes on */
			loop_timer_at(d->loop, &p->wake, clock_now());
	}
	return 0;
}

static struct printer *printer_of(struct desk *d, unsigned node)
{
	for (unsigned k = 0; k < d->o->count; k++)
		if (d->printers[k].node == node)
			return &d->printers[k];
	return NULL;
}

static int order(void *arg, const void *message, size_t len)
{
	struct desk *d = arg;
	const struct counter_order *o = message;
	struct printer *p;

	if (len != sizeof(*o))
		return -EINVAL;
	switch (o->kind) {
	case ORDER_RULE_ADD:
		return rule_add(d, &o->rule);
	case ORDER_RULE_DEL:
		return rule_del(d, o->id);
	case ORDER_LAST:
		for (unsigned k = 0; k < d->o->count; k++)
			printer_tear(&d->printers[k]);
		return 0;
	case ORDER_ON:
	case ORDER_OFF:
	case ORDER_RIGHT:
		p = printer_of(d, o->id);
		if (!p)
			return -ENODEV;
		if (o->kind == ORDER_RIGHT)
			printer_right(p);
		else
			printer_power(p, o->kind == ORDER_ON);
		return 0;
	default:
		return 0;
	}
}

void desk_run(struct side_far *far, const int *fds, void *opts)
{
	struct desk *d = xcalloc(1, sizeof(*d));

	d->far = far;
	d->loop = side_loop(far);
	d->o = opts;
	d->printers = xcalloc(d->o->count, sizeof(*d->printers));
	for (unsigned k = 0; k < d->o->count; k++) {
		fcntl(fds[k], F_SETFL, O_NONBLOCK);
		printer_open(&d->printers[k], d, d->o->nodes[k], fds[k]);
	}
	side_serve(far, order, d);
	/* it dies with the worker: the kernel closes what is open */
}
