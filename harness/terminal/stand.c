/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The process that plays the terminals, and what faults
 * say to them. Rules count the payments that a terminal is asked for; which of
 * them a payment meets is decided when it is asked for, so that it fares the
 * same however the bank and the shopper behave. What happens is told to the
 * worker at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/draw.h"
#include "base/side.h"
#include "terminal/room.h"

struct rule_at {
	bool used;
	unsigned id;
	int64_t counted;
	struct terminal_rule rule;
};

struct stand {
	struct side_far *far;
	struct loop *loop;
	const struct stand_opts *o;
	struct pt *pts; /* owned */
	struct rule_at rules[TERMINAL_RULES_MAX];
	unsigned added;
};

struct loop *stand_loop(struct stand *s)
{
	return s->loop;
}

const struct stand_opts *stand_conf(const struct stand *s)
{
	return s->o;
}

unsigned stand_index(const struct stand *s, const struct pt *p)
{
	return (unsigned)(p - s->pts);
}

/* ---- rules ---- */

const struct terminal_rule *stand_rule(const struct stand *s, unsigned id)
{
	const struct rule_at *at = &s->rules[id % TERMINAL_RULES_MAX];

	return at->used && at->id == id ? &at->rule : NULL;
}

static bool chosen(struct rule_at *at, const struct pt *p)
{
	const struct terminal_rule *r = &at->rule;

	if (!at->used || !(r->nodes[p->node / 64] >> (p->node % 64) & 1))
		return false;
	at->counted++;
	return gate_lets(&r->gate, at->counted, p->node, p->payments) &&
	       draw_chance((struct draw){ .seed = r->seed, .name = r->name, .object = p->node,
					  .hit = p->payments }, r->chance);
}

void stand_choose(struct stand *s, struct pt *p)
{
	int32_t first[TERMINAL_EFFECTS];

	for (unsigned e = 0; e < TERMINAL_EFFECTS; e++)
		p->fate[e] = NO_RULE;
	for (unsigned i = 0; i < TERMINAL_RULES_MAX; i++) {
		struct rule_at *at = &s->rules[i];
		unsigned e = at->rule.effect;

		if (!chosen(at, p) || (p->fate[e] != NO_RULE && first[e] <= at->rule.fault))
			continue;
		p->fate[e] = at->id;
		first[e] = at->rule.fault;
	}
}

void stand_hit(struct stand *s, struct pt *p, enum terminal_effect effect, bool approved)
{
	struct terminal_hit h = { .t_ns = clock_now(), .rule = p->fate[effect], .effect = effect,
				  .node = p->node, .payment = p->payments, .approved = approved };

	snprintf(h.key, sizeof(h.key), "%s", p->card ? p->key : "");
	side_tell(s->far, &h, sizeof(h));
}

static int rule_add(struct stand *s, const struct terminal_rule *r)
{
	for (unsigned i = 0; i < TERMINAL_RULES_MAX; i++) {
		if (s->rules[i].used)
			continue;
		s->rules[i] = (struct rule_at){ .used = true, .rule = *r,
						.id = s->added++ * TERMINAL_RULES_MAX + i };
		return (int)s->rules[i].id;
	}
	return -ENOSPC;
}

static int rule_del(struct stand *s, unsigned id)
{
	struct rule_at *at = &s->rules[id % TERMINAL_RULES_MAX];

	if (!at->used || at->id != id)
		return -ENOENT;
	at->used = false;
	for (unsigned i = 0; i < s->o->count; i++)
		deal_healed(&s->pts[i], id);
	return 0;
}

/* ---- orders ---- */

static int card(struct stand *s, const struct stand_order *o)
{
	for (unsigned i = 0; i < s->o->count; i++) {
		struct pt *p = &s->pts[i];

		if (p->node != o->id)
			continue;
		p->crowd = true;
		p->card = o->there;
		memcpy(p->key, o->key, sizeof(p->key));
		deal_card(p);
		return 0;
	}
	return -ENODEV;
}

static int owe(const struct stand *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->o->count; i++)
		n += acquirer_busy(&s->pts[i]) + (s->pts[i].state != PT_IDLE || s->pts[i].off);
	return (int)n;
}

static int order(void *arg, const void *message, size_t len)
{
	struct stand *s = arg;
	const struct stand_order *o = message;

	if (len != sizeof(*o))
		return -EINVAL;
	switch (o->kind) {
	case ORDER_RULE_ADD:
		return rule_add(s, &o->rule);
	case ORDER_RULE_DEL:
		return rule_del(s, o->id);
	case ORDER_CARD:
		return card(s, o);
	case ORDER_OWE:
		return owe(s);
	default:
		return -EINVAL;
	}
}

void stand_run(struct side_far *far, const int *fds, void *opts)
{
	struct stand *s = xcalloc(1, sizeof(*s));

	s->far = far;
	s->loop = side_loop(far);
	s->o = opts;
	s->pts = xcalloc(s->o->count, sizeof(*s->pts));
	for (unsigned i = 0; i < s->o->count; i++) {
		fcntl(fds[2 * i], F_SETFL, O_NONBLOCK);
		fcntl(fds[2 * i + 1], F_SETFL, O_NONBLOCK);
		pt_open(&s->pts[i], s, s->o->at[i].node, fds[2 * i]);
		acquirer_open(&s->pts[i], fds[2 * i + 1]);
	}
	side_serve(far, order, s);
	/* it dies with the worker: the kernel closes what is open */
}
