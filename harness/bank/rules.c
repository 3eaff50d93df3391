/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which faults a request meets. Rules act in the order of the experiment; of
 * one effect the first that a request is chosen for wins, so that each hit is
 * one fault's. A decision belongs to the reference, the kind of request and
 * how many-eth such request it is: the same one fares the same in every run.
 */
#include "bank/room.h"

#include <errno.h>
#include <string.h>

#include "base/draw.h"

#define BANK_DRAWS 4 /* part of the name of a draw: more kinds of requests do not change it */

const char *const bank_op_names[BANK_OPS] = {
	[BANK_AUTHORISE] = "authorise", [BANK_CAPTURE] = "capture", [BANK_REVERSE] = "reverse",
	[BANK_INQUIRE] = "inquire", [BANK_ECHO] = "echo",
};

int rules_add(struct rules *r, const struct bank_rule *rule)
{
	for (unsigned i = 0; i < BANK_RULES_MAX; i++) {
		if (r->at[i].used)
			continue;
		r->at[i] = (struct rule_at){ .used = true, .rule = *rule,
					     .id = r->added++ * BANK_RULES_MAX + i };
		return (int)r->at[i].id;
	}
	return -ENOSPC;
}

int rules_del(struct rules *r, unsigned id)
{
	struct rule_at *at = &r->at[id % BANK_RULES_MAX];

	if (!at->used || at->id != id)
		return -ENOENT;
	at->used = false;
	return 0;
}

const struct bank_rule *rules_get(const struct rules *r, unsigned id)
{
	const struct rule_at *at = &r->at[id % BANK_RULES_MAX];

	return id != NO_RULE && at->used && at->id == id ? &at->rule : NULL;
}

static bool meant(const struct bank_rule *r, const struct bank_request *q, int from)
{
	return r->ops & BANK_BIT(q->op) && from >= 0 && from < 256 &&
	       r->from[from / 64] >> (from % 64) & 1;
}

static bool chosen(struct rule_at *at, const struct bank_request *q, uint64_t nth)
{
	const struct bank_rule *rule = &at->rule;
	uint64_t object = draw_object(q->reference) * BANK_DRAWS + q->op;

	at->hits++;
	return gate_lets(&rule->gate, at->hits, object, nth) &&
	       draw_chance((struct draw){ .seed = rule->seed, .name = rule->name,
					  .object = object, .hit = nth }, rule->chance);
}

/* The rules by fault index: the order of the file. */
static struct rule_at *next_rule(struct rules *r, int64_t *after)
{
	struct rule_at *best = NULL;
	int64_t order, best_order = INT64_MAX;

	for (unsigned i = 0; i < BANK_RULES_MAX; i++) {
		order = (int64_t)r->at[i].rule.fault << 32 | r->at[i].id;
		if (r->at[i].used && order > *after && order < best_order) {
			best_order = order;
			best = &r->at[i];
		}
	}
	*after = best_order;
	return best;
}

void rules_decide(struct rules *r, const struct bank_request *q, int from, uint64_t nth,
		  struct fate *ret)
{
	unsigned *by_effect[BANK_EFFECTS] = {
		[BANK_DECLINE] = &ret->decline, [BANK_ERROR] = &ret->error,
		[BANK_DOWN] = &ret->down, [BANK_DROP] = &ret->drop, [BANK_SLOW] = &ret->slow,
		[BANK_TWICE] = &ret->twice,
	};
	struct rule_at *at;
	int64_t after = -1;

	*ret = (struct fate){ NO_RULE, NO_RULE, NO_RULE, NO_RULE, NO_RULE, NO_RULE, 0 };
	while ((at = next_rule(r, &after)) != NULL) {
		unsigned *slot = by_effect[at->rule.effect];

		if (!meant(&at->rule, q, from) || !chosen(at, q, nth) || *slot != NO_RULE)
			continue;
		*slot = at->id;
		if (at->rule.effect == BANK_SLOW)
			ret->delay_ns = at->rule.delay_ns;
	}
	if (ret->down != NO_RULE) /* who is not there neither errs nor declines */
		*ret = (struct fate){ NO_RULE, NO_RULE, ret->down, NO_RULE, NO_RULE, NO_RULE, 0 };
	else if (ret->error != NO_RULE)
		ret->decline = ret->drop = NO_RULE;
}
