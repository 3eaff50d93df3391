/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A call that a rule may alter is put to all rules of its
 * effect, in the order in which they were armed; the first that says so alters
 * it. A decision is a pure function of the seed, the rule, the process's path
 * and how many-eth matching call of that process it is.
 */
#include "faults/preload/preload.h"

#include <errno.h>
#include <string.h>

#include "base/draw.h"
#include "base/str.h"

static struct {
	uint32_t serial;
	uint64_t n;
} calls[SHIM_RULES]; /* of this process, by the rule's place */

void preload_forget_calls(void)
{
	memset(calls, 0, sizeof(calls));
}

/* Which one it is; a rule that takes another's place begins anew. */
static uint64_t number(unsigned place, uint32_t serial)
{
	uint32_t had = __atomic_load_n(&calls[place].serial, __ATOMIC_ACQUIRE);

	if (had != serial && __atomic_compare_exchange_n(&calls[place].serial, &had, serial, false,
							 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		__atomic_store_n(&calls[place].n, 0, __ATOMIC_RELEASE);
	return __atomic_add_fetch(&calls[place].n, 1, __ATOMIC_RELAXED);
}

/* The rule in a place, whole; one that was replaced while it was read is read again. */
static bool rule_at(unsigned place, struct shim_rule *ret)
{
	const struct shim_rules *rules = preload_rules;
	uint32_t current;

	do {
		current = __atomic_load_n(&rules->current, __ATOMIC_ACQUIRE);
		*ret = rules->table[current & 1].at[place];
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&rules->current, __ATOMIC_RELAXED) != current);
	return ret->serial != 0;
}

bool preload_still(uint32_t serial)
{
	struct shim_rule r;

	for (unsigned i = 0; i < SHIM_RULES; i++)
		if (rule_at(i, &r) && r.serial == serial)
			return true;
	return false;
}

static bool concerns(const struct shim_rule *r, const struct preload_call *c)
{
	return r->effect == c->effect && r->services >> preload_self.service & 1 &&
	       c->size >= r->size_min && c->size <= r->size_max &&
	       (!r->what[0] || !c->what || str_glob(r->what, c->what));
}

static bool chosen(const struct shim_rule *r, uint64_t n)
{
	const struct draw d = { .seed = r->seed, .name = r->name, .object = preload_self.object,
				.hit = n };

	return gate_lets(&r->gate, (int64_t)n, preload_self.object, n) &&
	       (r->chance >= 1 || draw_chance(d, r->chance));
}

static void tell(const struct shim_rule *r, const struct preload_call *c, uint64_t n)
{
	struct shim_hit h = { .serial = r->serial, .error = r->error, .by = r->by, .nth = n,
			      .size = c->size };
	const char *words[] = { c->call, c->what && c->call[0] ? " " : "", c->what ? c->what : "" };
	size_t at = 0;

	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; words[i][k] && at < sizeof(h.what) - 1; k++)
			h.what[at++] = words[i][k];
	preload_count(r->serial);
	preload_tell(&h);
}

bool preload_decide(const struct preload_call *c, struct shim_rule *ret)
{
	int saved = errno;
	bool found = false;

	for (unsigned i = 0; preload_self.pid && !found && i < SHIM_RULES; i++) {
		uint64_t n;

		if (!rule_at(i, ret) || !concerns(ret, c))
			continue;
		preload_check_pid();
		n = number(i, ret->serial);
		found = chosen(ret, n);
		if (found && !ret->error)
			ret->error = c->error;
		if (found)
			tell(ret, c, n);
	}
	errno = saved;
	return found;
}
