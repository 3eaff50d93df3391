/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/payment.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bank/bank.h"
#include "base/str.h"
#include "faults/link.h"
#include "faults/words.h"

const struct opt_value payment_silences[] = {
	{ "silent", "nothing comes back, and the connection stays open" },
	{ "reset", "the connection is reset" },
	{ NULL, NULL },
};

static uint32_t op_bits(const char *word)
{
	if (str_eq(word, "any"))
		return BANK_ALL_OPS;
	for (unsigned i = 0; i < BANK_OPS; i++)
		if (str_eq(word, bank_op_names[i]))
			return BANK_BIT(i);
	return 0;
}

void payment_check(const void *opts, struct mark at, struct diag *d)
{
	const struct payment_opts *o = opts;
	char hint[128];

	for (size_t i = 0; i < o->op.count; i++) {
		if (op_bits(o->op.at[i]))
			continue;
		opt_suggest(o->op.at[i], bank_op_names, BANK_OPS, hint, sizeof(hint));
		diag_error(d, o->op.marks[i], "op: there is no request \"%s\"%s", o->op.at[i],
			   hint);
	}
	if (o->rate <= 0)
		diag_error(d, at, "rate: with a chance of nothing it could never fire");
}

void payment_code_check(const char *code, struct mark at, struct diag *d)
{
	if (strlen(code) != 2 || !isalnum((unsigned char)code[0]) ||
	    !isalnum((unsigned char)code[1]) || str_eq(code, "00"))
		diag_error(d, at, "code: \"%s\" is no answer code of two digits that means no, "
			   "like \"51\"", code);
}

int payment_check_target(const void *opts, const struct target *t, struct mark at, struct diag *d)
{
	const struct payment_opts *o = opts;
	unsigned before = diag_errors(d);
	uint64_t bits[4] = { 0 };

	if (!target_bank(t))
		diag_error(d, at, "target %s has no node with a `bank:`, so there is no bank to "
			   "fail", t->name);
	for (size_t i = 0; i < o->from.count; i++)
		if (!link_nodes(t, o->from.at[i], bits))
			target_no_node(t, o->from.at[i], o->from.marks[i], "from", d);
	return diag_errors(d) > before ? -EINVAL : 0;
}

struct bank_rule payment_rule(const struct run *r, const struct payment_opts *o,
			      enum bank_effect effect)
{
	struct bank_rule rule = { .effect = effect, .fault = r->fault, .seed = (uint64_t)r->seed,
				  .gate = r->gate, .chance = o->rate };
	const struct fault_ops *ops = r->experiment->faults[r->fault].kind->ops;

	snprintf(rule.name, sizeof(rule.name), "%s.%d.%" PRId64, ops->name, r->fault,
		 r->activation);
	for (size_t i = 0; i < o->op.count; i++)
		rule.ops |= op_bits(o->op.at[i]);
	for (size_t i = 0; i < o->from.count; i++)
		link_nodes(r->target, o->from.at[i], rule.from);
	if (!o->from.count)
		memset(rule.from, 0xff, sizeof(rule.from));
	return rule;
}

static const char *did(const struct bank_hit *h, char *buf, size_t len)
{
	const char *unheard = h->approved ? "approved, and " : "";

	switch (h->effect) {
	case BANK_DECLINE:
		snprintf(buf, len, "declined with %s", h->code);
		break;
	case BANK_ERROR:
		snprintf(buf, len, "answered %s: nothing was done", h->code);
		break;
	case BANK_DOWN:
		snprintf(buf, len, "not answered: nothing was done");
		break;
	case BANK_DROP:
		snprintf(buf, len, "%sthe answer dropped", unheard);
		break;
	case BANK_SLOW:
		snprintf(buf, len, "%sthe answer held back", unheard);
		break;
	default:
		snprintf(buf, len, "%sanswered twice", unheard);
		break;
	}
	return buf;
}

static void on_hit(void *arg, const struct bank_hit *h)
{
	const struct payment_state *s = arg;
	const struct target *t = s->run->target;
	const char *from = h->from >= 0 && (size_t)h->from < t->nodes_count
				   ? t->nodes[h->from].name : NULL;
	char words[96];

	run_fired(s->run, from, NULL, h->reference[0] ? h->reference : NULL,
		  "%s #%" PRIu64 " of %s %s", bank_op_names[h->op], h->nth,
		  h->reference[0] ? h->reference : "?", did(h, words, sizeof(words)));
}

int payment_arm(struct run *r, const struct bank_rule *rule, void *state, struct err *e)
{
	struct payment_state *s = state;
	int err;

	s->run = r;
	err = bank_rule_add(r->bank, rule, on_hit, s, &s->id, e);
	s->armed = err >= 0;
	return err;
}

int payment_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct payment_state *s = state;

	(void)opts;
	if (!s->armed)
		return 0;
	s->armed = false;
	return bank_rule_del(r->bank, s->id, e);
}

void payment_describe(const struct payment_opts *o, struct buf *out)
{
	for (size_t i = 0; i < o->from.count; i++)
		buf_printf(out, "%s%s", i ? ", " : " to ", o->from.at[i]);
	buf_adds(out, " (");
	for (size_t i = 0; i < o->op.count; i++)
		buf_printf(out, "%s%s", o->op.at[i], i + 1 < o->op.count ? ", " : "; ");
	words_share(out, o->rate, o->op.count ? "requests" : "payments");
	buf_addc(out, ')');
}
