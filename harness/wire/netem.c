/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The second back end: the kernel's netem instead of the
 * switch, for the faults that both can do.
 *
 *   armed:   a ══ veth, netem at both ends ══ b     every packet between a and b
 *   healed:  a ── TUN ── switch ── TUN ── b         as before and as all others
 *
 * A link that a rule is for gets a veth pair between its two nodes, straight
 * through the namespaces, and host routes over it; TCP notices nothing but the
 * new path, because addresses and MTU stay. Names and all other links stay on
 * the wire. On heal the routes go first, so new packets take the wire at once;
 * what netem still holds arrives when it was due to, and the pair is removed
 * once it is empty, at the next order or before the next trial. A killed
 * harness leaves nothing: the pair dies with the namespaces.
 *
 * One netem per direction does what all rules of the link ask for together;
 * two rules of one kind on a link are refused when the file is read (see
 * faults/backend.c), overlapping activations of one rule say the same.
 *
 * What was hit: netem tells nobody what it does to which packet. Its counters
 * are read four times a second and before a heal, and the difference is
 * reported: packets lost (netem's drops, less the bucket's), packets delayed
 * (all that passed), packets that the token bucket dropped or kept waiting.
 * Copies, corrupted and overtaken packets are counted nowhere; they are
 * inferred from rate and packets, and only once it is certain that there was
 * one. Decisions come from the kernel's own generator: they are not replayable.
 */
#include "wire/netem.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "wire/wire.h"

#define POLL_NS (250 * NS_PER_MS)
#define DOUBT 1e-9 /* chance that an inferred fault never happened */

/* struct path - one link that has a pair. */
struct path {
	struct path *next;
	struct veth_end end[2];
	uint64_t users;    /* rules on it, by place */
	bool routed;
};

/* struct told - of one rule in one direction of one link: what was reported already. */
struct told {
	struct told *next;
	const struct path *path;
	int end;
	struct netem_counts then, now;
	uint64_t hits;
};

struct active {
	bool used;
	unsigned generation;
	struct wire_rule r;
	void (*fn)(void *arg, const struct wire_hit *h);
	void *arg;
	struct told *told; /* owned list */
};

struct netem {
	const int *net;                      /* borrowed */
	struct nl_sock *sk[WIRE_NODES_MAX];  /* owned; NULL: none */
	struct path *paths;                  /* owned list */
	struct active rule[WIRE_RULES_MAX];
	unsigned rules, generation;
	struct loop *loop;                   /* borrowed while there are rules */
	struct loop_timer poll;
};

/* ---- what is to be done ---- */

static bool in_set(const uint64_t set[4], unsigned node)
{
	return set[node / 64] >> (node % 64) & 1;
}

bool netem_acts(const struct wire_rule *r, unsigned from, unsigned to)
{
	bool forth = in_set(r->a, from) && in_set(r->b, to);
	bool back = in_set(r->b, from) && in_set(r->a, to);

	return (forth && r->way != WIRE_FROM) || (back && r->way != WIRE_TO);
}

static bool on_link(const struct wire_rule *r, unsigned x, unsigned y)
{
	return (in_set(r->a, x) && in_set(r->b, y)) || (in_set(r->a, y) && in_set(r->b, x));
}

void netem_plan_add(struct netem_plan *p, const struct wire_rule *r)
{
	switch (r->effect) {
	case WIRE_DROP:
		p->loss = r->chance;
		p->burst_enter = r->burst_enter;
		p->burst_leave = r->burst_leave;
		break;
	case WIRE_DELAY:
		p->held = r->chance;
		p->delay_ns = r->delay_ns;
		p->jitter_ns = r->jitter_ns;
		p->shape = r->shape;
		p->overtake = r->overtake;
		break;
	case WIRE_DUPLICATE:
		p->duplicate = r->chance;
		break;
	case WIRE_CORRUPT:
		p->corrupt = r->chance;
		break;
	case WIRE_RATE:
		p->bytes_per_s = r->bytes_per_s;
		p->queue_bytes = r->queue_bytes;
		p->burst_bytes = r->burst_bytes;
		break;
	default:
		assert(!"netem has no such effect");
	}
}

static int shape(struct netem *n, struct path *path, struct err *e)
{
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++) {
		struct veth_end *end = &path->end[i];
		struct netem_plan plan = { 0 };

		for (unsigned k = 0; k < WIRE_RULES_MAX; k++)
			if (n->rule[k].used && netem_acts(&n->rule[k].r, end->node, end->peer))
				netem_plan_add(&plan, &n->rule[k].r);
		r = veth_shape(end, &plan, e);
	}
	return r;
}

/* ---- hits ---- */

enum wire_counted netem_counted(const struct wire_rule *r)
{
	if (r->effect == WIRE_DROP || r->effect == WIRE_RATE)
		return COUNTED;
	return r->effect == WIRE_DELAY && r->chance >= 1 ? COUNTED : INFERRED;
}

uint64_t netem_packets(const struct wire_rule *r, const struct netem_counts *then,
		       const struct netem_counts *now)
{
	double passed = (double)(now->passed - then->passed);

	/* Of n packets n (1 + chance) pass when some are doubled. */
	return (uint64_t)llround(r->effect == WIRE_DUPLICATE ? passed / (1 + r->chance) : passed);
}

uint64_t netem_hits(const struct wire_rule *r, const struct netem_counts *then,
		    const struct netem_counts *now, uint64_t packets)
{
	if (r->effect == WIRE_DROP)
		return now->lost - then->lost;
	if (r->effect == WIRE_RATE)
		return now->queue_full - then->queue_full + (now->waited - then->waited);
	if (r->chance < 1 && (double)packets * log1p(-r->chance) > log(DOUBT))
		return 0;
	return (uint64_t)llround((double)netem_packets(r, then, now) * r->chance);
}

static unsigned did_of(const struct wire_rule *r)
{
	static const uint8_t did[] = {
		[WIRE_DROP] = DID_DROP, [WIRE_DELAY] = DID_DELAY, [WIRE_DUPLICATE] = DID_DUPLICATE,
		[WIRE_CORRUPT] = DID_CORRUPT, [WIRE_RATE] = DID_SLOW,
	};

	return did[r->effect];
}

/* @packets: of the whole rule. */
static void tell(const struct active *a, unsigned id, struct told *t, uint64_t packets)
{
	const struct veth_end *end = &t->path->end[t->end];
	uint64_t hits = netem_hits(&a->r, &t->then, &t->now, packets);
	struct wire_hit h = { .t_ns = clock_now(), .count = hits - t->hits, .rule = id,
			      .from = (uint16_t)end->node, .to = (uint16_t)end->peer,
			      .did = (uint8_t)did_of(&a->r),
			      .counted = (uint8_t)netem_counted(&a->r) };

	if (hits <= t->hits)
		return;
	t->hits = hits;
	a->fn(a->arg, &h);
}

static unsigned id_of(const struct netem *n, unsigned i)
{
	return NETEM_ID | (n->rule[i].generation & 0xffffff) * WIRE_RULES_MAX | i;
}

static int tell_rule(struct netem *n, unsigned i, struct err *e)
{
	const struct active *a = &n->rule[i];
	unsigned id = id_of(n, i);
	uint64_t packets = 0;
	int r = 0;

	for (struct told *t = a->told; t && r == 0; t = t->next) {
		r = veth_counts(&t->path->end[t->end], &t->now, e);
		if (r == 0)
			packets += netem_packets(&a->r, &t->then, &t->now);
	}
	/* Whoever hears of a hit may heal this very rule. */
	for (struct told *t = a->told; t && r == 0; t = t->next) {
		tell(a, id, t, packets);
		if (!a->used || id_of(n, i) != id)
			break;
	}
	return r;
}

static void poll_counts(struct loop_timer *timer, int64_t now)
{
	struct netem *n = (struct netem *)(void *)((char *)timer - offsetof(struct netem, poll));

	/* A hit may arm or heal another rule: the table is looked at anew each time. */
	for (unsigned i = 0; i < WIRE_RULES_MAX; i++)
		if (n->rule[i].used)
			tell_rule(n, i, NULL);
	if (n->rules)
		loop_timer_at(n->loop, &n->poll, now + POLL_NS);
}

/* ---- pairs ---- */

static int socket_of(struct netem *n, unsigned node, struct nl_sock **ret, struct err *e)
{
	int r = 0;

	if (!n->sk[node])
		r = netem_socket(n->net[node], &n->sk[node], e);
	*ret = n->sk[node];
	return r;
}

static int path_new(struct netem *n, unsigned x, unsigned y, struct path **ret, struct err *e)
{
	struct path *p = xcalloc(1, sizeof(*p));
	int r;

	p->end[0] = (struct veth_end){ .net = n->net[x], .node = x, .peer = y };
	p->end[1] = (struct veth_end){ .net = n->net[y], .node = y, .peer = x };
	r = socket_of(n, x, &p->end[0].sk, e);
	if (r == 0)
		r = socket_of(n, y, &p->end[1].sk, e);
	if (r == 0)
		r = veth_make(p->end, e);
	if (r < 0) {
		free(p);
		return r;
	}
	p->next = n->paths;
	n->paths = *ret = p;
	return 0;
}

static struct path *path_find(const struct netem *n, unsigned x, unsigned y)
{
	struct path *p = n->paths;

	while (p && (p->end[0].node != x || p->end[0].peer != y))
		p = p->next;
	return p;
}

static int path_route(struct path *p, bool on, struct err *e)
{
	int r = 0;

	if (p->routed == on)
		return 0;
	for (int i = 0; i < 2 && r == 0; i++)
		r = veth_route(&p->end[i], on, e);
	p->routed = on;
	return r;
}

/* Remove the pairs that nobody uses; with @all those too in which something still waits. */
static void sweep(struct netem *n, bool all)
{
	struct path **at = &n->paths, *p;

	while ((p = *at)) {
		struct netem_counts c[2] = { { .queued = 1 } };
		bool empty = !p->users && veth_counts(&p->end[0], &c[0], NULL) == 0 &&
			     veth_counts(&p->end[1], &c[1], NULL) == 0 &&
			     !c[0].queued && !c[1].queued;

		if (!all && !empty) {
			at = &p->next;
			continue;
		}
		veth_remove(&p->end[0]);
		*at = p->next;
		free(p);
	}
}

static int join_end(struct active *a, const struct path *p, int end, struct err *e)
{
	struct told *t;

	if (!netem_acts(&a->r, p->end[end].node, p->end[end].peer))
		return 0;
	t = xcalloc(1, sizeof(*t));
	t->path = p;
	t->end = end;
	t->next = a->told;
	a->told = t;
	if (veth_counts(&p->end[end], &t->then, e) < 0)
		return -EIO;
	t->now = t->then;
	return 0;
}

/* The rule takes effect on the link between x and y. */
static int join(struct netem *n, unsigned i, unsigned x, unsigned y, struct err *e)
{
	struct path *p = path_find(n, x, y);
	int r = p ? 0 : path_new(n, x, y, &p, e);

	if (r < 0)
		return r;
	p->users |= UINT64_C(1) << i;
	for (int end = 0; end < 2 && r == 0; end++)
		r = join_end(&n->rule[i], p, end, e);
	if (r == 0)
		r = shape(n, p, e);
	return r == 0 ? path_route(p, true, e) : r;
}

/* ---- rules ---- */

static bool there(const struct netem *n, unsigned node)
{
	return node < WIRE_NODES_MAX && n->net[node] >= 0;
}

static int leave(struct netem *n, unsigned i, struct err *e)
{
	struct active *a = &n->rule[i];
	int r = tell_rule(n, i, e);

	a->used = false;
	for (struct path *p = n->paths; p; p = p->next) {
		if (!(p->users >> i & 1))
			continue;
		p->users &= ~(UINT64_C(1) << i);
		if (!p->users && path_route(p, false, e) < 0)
			r = -EIO;
		if (shape(n, p, e) < 0)
			r = -EIO;
	}
	while (a->told) {
		struct told *t = a->told;

		a->told = t->next;
		free(t);
	}
	if (!--n->rules)
		loop_timer_cancel(n->loop, &n->poll);
	sweep(n, false);
	return r;
}

int netem_rule_add(struct netem *n, struct loop *loop, const struct wire_rule *rule,
		   void (*fn)(void *arg, const struct wire_hit *h), void *arg, unsigned *ret_id,
		   struct err *e)
{
	unsigned i = 0;
	int r = 0;

	assert(fn && rule->effect <= WIRE_RATE && (!n->rules || n->loop == loop));
	while (i < WIRE_RULES_MAX && n->rule[i].used)
		i++;
	if (i == WIRE_RULES_MAX)
		return err_set(e, ENOSPC, "more than %d faults at once", WIRE_RULES_MAX);
	sweep(n, false);
	n->rule[i] = (struct active){ .used = true, .generation = ++n->generation, .r = *rule,
				      .fn = fn, .arg = arg };
	n->loop = loop;
	if (!n->rules++)
		loop_timer_at(loop, &n->poll, clock_now() + POLL_NS);
	for (unsigned x = 0; x < WIRE_NODES_MAX && r == 0; x++)
		for (unsigned y = x + 1; y < WIRE_NODES_MAX && r == 0; y++)
			if (there(n, x) && there(n, y) && on_link(rule, x, y))
				r = join(n, i, x, y, e);
	if (r < 0) {
		leave(n, i, NULL);
		return err_wrap(e, "netem");
	}
	*ret_id = id_of(n, i);
	return 0;
}

int netem_rule_del(struct netem *n, unsigned id, struct err *e)
{
	unsigned i = id % WIRE_RULES_MAX;

	if (!n->rule[i].used || id_of(n, i) != id)
		return err_set(e, ENOENT, "netem knows no rule %u", id);
	return leave(n, i, e) < 0 ? err_wrap(e, "netem") : 0;
}

/* ---- life ---- */

struct netem *netem_new(const int *net)
{
	struct netem *n = xcalloc(1, sizeof(*n));

	n->net = net;
	n->poll.fire = poll_counts;
	return n;
}

void netem_reset(struct netem *n)
{
	assert(!n->rules);
	sweep(n, true);
	for (unsigned i = 0; i < WIRE_NODES_MAX; i++) {
		netem_socket_free(n->sk[i]);
		n->sk[i] = NULL;
	}
}

void netem_free(struct netem *n)
{
	if (!n)
		return;
	assert(!n->rules);
	netem_reset(n);
	free(n);
}

/* ---- may this host do it? ---- */

int wire_netem_probe(int netns_fd, bool bucket, struct err *e)
{
	struct veth_end end[2] = { { .net = netns_fd, .node = 0, .peer = 1 },
				   { .net = netns_fd, .node = 1, .peer = 0 } };
	struct netem_plan plan = { .bytes_per_s = bucket ? 1000000 : 0, .queue_bytes = 65536,
				   .burst_bytes = 3072, .held = 1, .delay_ns = NS_PER_MS,
				   .jitter_ns = NS_PER_US, .loss = 0.01, .burst_leave = 0.5,
				   .burst_enter = 0.01 };
	struct nl_sock *sk;
	int r = netem_socket(netns_fd, &sk, e);

	if (r < 0)
		return r;
	end[0].sk = end[1].sk = sk;
	r = veth_make(end, e);
	if (r == 0) {
		r = veth_shape(&end[0], &plan, e);
		veth_remove(&end[0]);
	}
	netem_socket_free(sk);
	return r;
}
