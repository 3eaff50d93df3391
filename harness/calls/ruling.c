/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A call passes the armed rules in the order of the experiment. Whether a rule
 * is about it is found out from what is cheap to what is dear: numbers first, then names in /proc,
 * then the program's memory. Those that are act on it: what a call returns is decided once, by the
 * first that does; the longest delay counts; a call that fails and is slow fails late.
 *
 * A draw is made of the seed, the rule's name, the process by its descent (who.c) and how many-eth
 * matching call of that process it is since the rule was armed. Its threads share that count.
 */
#include "calls/room.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/draw.h"
#include "base/str.h"

#define PART_MAX 65536   /* bytes of a short result: it can always be shorter */
#define TOLD_NOT_MAX 20
#define COUNTERS 1024 /* processes that one rule counts apart; the rest share the last */

enum salt { SALT_CHANCE = 1, SALT_JITTER, SALT_PART };

struct slot {
	bool used;
	struct calls_rule r;
	unsigned id;
	int64_t n;              /* calls that matched */
	struct counter {
		uint64_t object, n; /* object 0: free */
	} counter[COUNTERS];
	int64_t of_call[CALLS_MAX];
	struct pieces pieces;
	unsigned told_not;
	struct calls_hit last;  /* of the piece */
};

struct ruling {
	struct slot at[CALLS_RULES_MAX];
	unsigned order[CALLS_RULES_MAX]; /* places in use, as in the experiment */
	unsigned count, ids;
	struct calls_set armed; /* calls that any rule acts on */
};

struct ruling *ruling_new(void)
{
	return xcalloc(1, sizeof(struct ruling));
}

bool ruling_holds(const struct ruling *r, unsigned id)
{
	const struct slot *s = &r->at[id % CALLS_RULES_MAX];

	return s->used && s->id == id;
}

bool ruling_any(const struct ruling *r, unsigned call)
{
	return calls_has(&r->armed, call);
}

/* ---- matching ---- */

static bool args_match(const struct calls_rule *r, const struct look *l)
{
	for (uint32_t i = 0; i < r->args; i++)
		if ((l->req->data.args[r->arg[i].index] & r->arg[i].mask) !=
		    (r->arg[i].value & r->arg[i].mask))
			return false;
	return true;
}

static bool size_matches(const struct calls_rule *r, struct look *l)
{
	int64_t size;

	if (r->size_min < 0 && r->size_max < 0)
		return true;
	size = look_size(l);
	return size >= 0 && size >= r->size_min && (r->size_max < 0 || size <= r->size_max);
}

/* From a slash or a star: the whole path; else from any of its slashes on. */
static bool path_matches(const char *pattern, const char *path)
{
	char tail[CALLS_PATH + 2];

	if (!*path)
		return false;
	if (*pattern == '/' || *pattern == '*')
		return str_glob(pattern, path);
	snprintf(tail, sizeof(tail), "*/%s", pattern);
	return str_glob(tail, path);
}

/* "bank", "bank:8080", "10.77.0.2", "10.77.0.2:8080". */
static bool peer_matches(const char *pattern, struct look *l)
{
	const char *peer = look_peer(l), *colon = strrchr(peer, ':');
	char host[CALLS_NAME];

	if (!*peer)
		return false;
	if (str_glob(pattern, peer) || str_glob(pattern, l->peer_addr))
		return true;
	snprintf(host, sizeof(host), "%.*s", colon ? (int)(colon - peer) : (int)sizeof(host) - 1,
		 peer);
	if (str_glob(pattern, host))
		return true;
	colon = strrchr(l->peer_addr, ':');
	snprintf(host, sizeof(host), "%.*s", colon ? (int)(colon - l->peer_addr) : 0,
		 l->peer_addr);
	return *host && str_glob(pattern, host);
}

static bool name_matches(const char *pattern, const struct look *l, bool thread)
{
	char name[64];

	look_name(l, thread, name, sizeof(name));
	return str_glob(pattern, name);
}

static bool matches(const struct slot *s, struct look *l)
{
	const struct calls_rule *r = &s->r;

	if (!calls_has(&r->calls, l->index) ||
	    !(r->nodes[l->at->node / 64] >> (l->at->node % 64) & 1) || !args_match(r, l) ||
	    !filter_service(r->service, l->at->service) || !size_matches(r, l))
		return false;
	if ((*r->process && !name_matches(r->process, l, false)) ||
	    (*r->thread && !name_matches(r->thread, l, true)) || !look_is(l, r->kind))
		return false;
	if (*r->path && !path_matches(r->path, look_path(l)))
		return false;
	return !*r->peer || peer_matches(r->peer, l);
}

/* ---- telling ---- */

static void push(struct sup *s, const struct calls_hit *h)
{
	uint64_t *lost = &s->shared->lost_of[h->rule % CALLS_RULES_MAX];

	if (!hits_push(&s->shared->hits, h, h->count))
		__atomic_store_n(lost, *lost + h->count, __ATOMIC_RELAXED);
	apart_ring();
}

static void tell_rest(struct sup *s, struct slot *slot)
{
	slot->last.count = pieces_rest(&slot->pieces);
	if (slot->last.count)
		push(s, &slot->last);
}

/* Which path or peer it was is worth looking up: this one is altered. */
static void name_object(struct look *l, struct calls_hit *h)
{
	const char *path = look_path(l), *what = *path ? path : look_peer(l);

	snprintf(h->object, sizeof(h->object), "%s", what);
}

static void hit_fill(const struct slot *slot, struct look *l, uint64_t nth, int32_t error,
		     int64_t ns, struct calls_hit *h)
{
	*h = (struct calls_hit){ .t_ns = l->now, .count = 1, .ns = ns, .size = look_size(l),
				 .done = -1, .rule = slot->id, .call = l->index,
				 .effect = slot->r.effect, .node = l->at->node, .error = error,
				 .nth = nth };
	snprintf(h->process, sizeof(h->process), "%s",
		 l->process ? l->process->name : l->at->process);
	if (slot->pieces.listed < PIECES_LISTED)
		name_object(l, h);
}

static void tell_hit(struct sup *sup, struct slot *slot, const struct calls_hit *h)
{
	slot->last = *h;
	slot->last.count = pieces_step(&slot->pieces, clock_now());
	if (slot->last.count)
		push(sup, &slot->last);
}

static void tell(struct slot *slot, struct look *l, uint64_t nth, int32_t error, int64_t ns)
{
	struct calls_hit h;

	hit_fill(slot, l, nth, error, ns, &h);
	tell_hit(l->sup, slot, &h);
}

/* It was chosen, and is left alone. The first few times that is worth a word. */
static void tell_not(struct slot *slot, struct look *l, uint64_t nth, enum calls_why why)
{
	struct calls_hit h;

	if (slot->told_not >= TOLD_NOT_MAX)
		return;
	slot->told_not++;
	hit_fill(slot, l, nth, 0, 0, &h);
	h.did = CALLS_DID_NOT;
	h.why = why;
	push(l->sup, &h);
}

/* What came of a call that we have made: shorter than it would have been? Late in any case. */
void ruling_made(struct sup *s, struct perform *p, int64_t result)
{
	struct slot *slot = &s->ruling->at[p->place];

	if (!ruling_holds(s->ruling, p->rule) || (p->shorter && result < p->part))
		return;
	p->hit.done = result;
	p->hit.error = result < 0 ? (int32_t)-result : 0;
	tell_hit(s, slot, &p->hit);
}

/* ---- deciding ---- */

/* How many-eth matching call of that process. */
static uint64_t count(struct slot *s, uint64_t object)
{
	for (unsigned i = 0; i + 1 < COUNTERS && i <= 32; i++) {
		struct counter *c = &s->counter[(object + i) % (COUNTERS - 1)];

		if (!c->object)
			c->object = object;
		if (c->object == object)
			return ++c->n;
	}
	return ++s->counter[COUNTERS - 1].n; /* crowded: the rest share one */
}

static struct draw dice(const struct slot *s, uint64_t object, uint64_t nth, enum salt salt)
{
	return (struct draw){ .seed = s->r.seed, .name = s->r.name, .object = object + salt,
			      .hit = nth };
}

static bool chosen(const struct slot *s, int64_t n, uint64_t object, uint64_t nth)
{
	return gate_lets(&s->r.gate, n, object, nth) &&
	       (s->r.chance >= 1 || draw_chance(dice(s, object, nth, SALT_CHANCE), s->r.chance));
}

static int64_t delay(const struct slot *s, uint64_t object, uint64_t nth)
{
	int64_t ns = s->r.delay_ns;

	if (s->r.jitter_ns > 0)
		ns += draw_jitter(dice(s, object, nth, SALT_JITTER), s->r.shape, s->r.jitter_ns);
	return ns > 0 ? ns : 0;
}

/* By us, in its place; the first that wants that has it. */
static void do_perform(struct slot *s, unsigned place, struct look *l, uint64_t object,
		       uint64_t nth)
{
	bool shorter = s->r.effect == CALLS_SHORT;
	int64_t size = look_size(l), most = size - 1 < PART_MAX ? size - 1 : PART_MAX;
	enum calls_why why = perform_may(l, shorter);

	if (l->error || l->perform.any)
		return;
	if (why == CALLS_WHY_NONE && l->sup->performing >= PERFORM_MAX)
		why = CALLS_WHY_FULL;
	if (why == CALLS_WHY_NONE && shorter && s->r.bytes > most)
		why = CALLS_WHY_NO_PART;
	if (why != CALLS_WHY_NONE) {
		tell_not(s, l, nth, why);
		return;
	}
	l->perform = (struct perform){ .any = true, .shorter = shorter, .place = place,
				       .rule = s->id, .part = size };
	if (shorter)
		l->perform.part = s->r.bytes > 0 ? s->r.bytes :
				  draw_range(dice(s, object, nth, SALT_PART), 1, most);
	else
		l->perform.delay_ns = delay(s, object, nth);
	hit_fill(s, l, nth, 0, l->perform.delay_ns, &l->perform.hit);
}

static void do_slow(struct slot *s, unsigned place, struct look *l, uint64_t object, uint64_t nth)
{
	int64_t ns = delay(s, object, nth);

	if (ns <= 0)
		return;
	if (l->sup->held_count >= HELD_MAX) {
		tell_not(s, l, nth, CALLS_WHY_FULL);
		return;
	}
	tell(s, l, nth, 0, ns);
	if (l->now + ns > l->until) {
		l->until = l->now + ns;
		l->held_by = place;
	}
}

static void befall(struct slot *s, unsigned place, struct look *l)
{
	uint64_t object = l->process ? l->process->object : draw_object(l->at->process);
	uint64_t nth = count(s, object);
	int64_t of_call = ++s->of_call[l->index], n = ++s->n;

	if (s->r.counts == CALLS_PER_PROCESS)
		n = (int64_t)nth;
	else if (s->r.counts == CALLS_PER_CALL)
		n = of_call;
	if (!chosen(s, n, object, nth))
		return;
	if (s->r.effect == CALLS_SLOW) {
		do_slow(s, place, l, object, nth);
	} else if (s->r.effect != CALLS_FAIL) {
		do_perform(s, place, l, object, nth);
	} else if (!l->error && !l->perform.any) {
		l->error = s->r.error;
		tell(s, l, nth, s->r.error, 0);
	}
}

void ruling_decide(struct ruling *r, struct look *l)
{
	l->now = clock_now();
	for (unsigned i = 0; i < r->count && !l->gone; i++) {
		struct slot *s = &r->at[r->order[i]];

		if (matches(s, l) && !l->gone)
			befall(s, r->order[i], l);
	}
}

/* ---- arming ---- */

static void by_fault(struct ruling *r)
{
	for (unsigned i = r->count - 1; i > 0; i--) {
		unsigned *a = &r->order[i - 1], *b = &r->order[i], t = *a;

		if (r->at[*a].r.fault <= r->at[*b].r.fault)
			return;
		*a = *b;
		*b = t;
	}
}

static void arm(struct ruling *r)
{
	r->armed = (struct calls_set){ { 0 } };
	for (unsigned i = 0; i < r->count; i++)
		for (unsigned k = 0; k < CALLS_MAX / 64; k++)
			r->armed.bits[k] |= r->at[r->order[i]].r.calls.bits[k];
}

int ruling_add(struct ruling *r, const struct calls_rule *rule)
{
	unsigned place = 0;
	struct slot *s;

	while (place < CALLS_RULES_MAX && r->at[place].used)
		place++;
	if (place == CALLS_RULES_MAX)
		return -E2BIG;
	s = &r->at[place];
	memset(s, 0, sizeof(*s));
	s->used = true;
	s->r = *rule;
	s->id = r->ids++ * CALLS_RULES_MAX + place;
	r->order[r->count++] = place;
	by_fault(r);
	arm(r);
	return (int)s->id;
}

int ruling_del(struct sup *sup, unsigned id)
{
	struct ruling *r = sup->ruling;
	unsigned place = id % CALLS_RULES_MAX, n = 0;
	struct slot *s = &r->at[place];

	if (!s->used || s->id != id)
		return -ENOENT;
	tell_rest(sup, s);
	for (unsigned i = 0; i < r->count; i++)
		if (r->order[i] != place)
			r->order[n++] = r->order[i];
	r->count = n;
	s->used = false;
	arm(r);
	serve_release(sup, place);
	return 0;
}
