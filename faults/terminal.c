/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "faults/words.h"
#include "terminal/terminal.h"

static bool meant(const char *pattern, const struct node *n)
{
	return node_terminal(n) && str_glob(pattern, n->name);
}

void terminal_check(const void *opts, struct mark at, struct diag *d)
{
	const struct terminal_opts *o = opts;

	if (o->rate <= 0)
		diag_error(d, at, "rate: with a chance of nothing it could never fire");
}

int terminal_check_target(const void *opts, const struct target *t, struct mark at,
			  struct diag *d)
{
	const struct terminal_opts *o = opts;
	unsigned before = diag_errors(d);

	(void)at;
	for (size_t i = 0; i < o->device.count; i++) {
		bool there = false;

		for (size_t k = 0; k < t->nodes_count; k++)
			there |= meant(o->device.at[i], &t->nodes[k]);
		if (!there)
			diag_error(d, o->device.marks[i], "device: target %s has no card terminal "
				   "\"%s\"", t->name, o->device.at[i]);
	}
	return diag_errors(d) > before ? -EINVAL : 0;
}

struct terminal_rule terminal_rule(const struct run *r, const struct terminal_opts *o,
				   enum terminal_effect effect)
{
	struct terminal_rule rule = { .effect = effect, .fault = r->fault, .gate = r->gate,
				      .seed = (uint64_t)r->seed, .chance = o->rate };
	const struct fault_ops *ops = r->experiment->faults[r->fault].kind->ops;

	snprintf(rule.name, sizeof(rule.name), "%s.%d.%" PRId64, ops->name, r->fault,
		 r->activation);
	for (size_t i = 0; i < r->target->nodes_count; i++)
		for (size_t k = 0; k < o->device.count; k++)
			if (meant(o->device.at[k], &r->target->nodes[i]))
				rule.nodes[i / 64] |= UINT64_C(1) << (i % 64);
	return rule;
}

static const char *const dids[TERMINAL_EFFECTS] = {
	[TERMINAL_NO_ACK] = "not acknowledged: nothing was done",
	[TERMINAL_DECLINE] = "declined by the card, the bank was not asked",
	[TERMINAL_SHOPPER] = "the shopper looks for the card",
	[TERMINAL_LOST] = "its result does not leave the terminal",
	[TERMINAL_LATE] = "its result is held back",
	[TERMINAL_TWICE] = "its result was told twice",
	[TERMINAL_PREVIOUS] = "the result told is that of the payment before",
	[TERMINAL_REBOOT] = "the terminal boots",
};

static void on_hit(void *arg, const struct terminal_hit *h)
{
	const struct terminal_state *s = arg;
	const struct node *n = &s->run->target->nodes[h->node];
	bool knows = h->effect != TERMINAL_SHOPPER && h->effect != TERMINAL_NO_ACK &&
		     h->effect != TERMINAL_DECLINE;

	run_fired(s->run, n->stands_at, NULL, h->key[0] ? h->key : n->name,
		  "%s: payment #%" PRIu64 "%s%s", n->name, h->payment,
		  !knows ? " " : h->approved ? " was approved, and " : " was not approved, and ",
		  dids[h->effect]);
}

int terminal_arm(struct run *r, const struct terminal_rule *rule, void *state, struct err *e)
{
	struct terminal_state *s = state;
	int err;

	s->run = r;
	err = terminals_rule_add(r->terminals, rule, on_hit, s, &s->id, e);
	s->armed = err >= 0;
	return err;
}

int terminal_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct terminal_state *s = state;

	(void)opts;
	if (!s->armed)
		return 0;
	s->armed = false;
	return terminals_rule_del(r->terminals, s->id, e);
}

void terminal_describe(const struct terminal_opts *o, struct buf *out)
{
	buf_adds(out, " (");
	for (size_t i = 0; i < o->device.count; i++)
		buf_printf(out, "%s%s", i ? ", " : "", o->device.at[i]);
	buf_adds(out, "; ");
	words_share(out, o->rate, "payments");
	buf_addc(out, ')');
}
