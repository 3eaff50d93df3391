/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's end: filters are made here, rules sent, hits heard. */
#include "calls/calls.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "calls/room.h"

struct rule_at {
	bool used;
	unsigned id;
	void (*fn)(void *arg, const struct calls_hit *h);
	void *arg;
	uint64_t lost; /* hits of this place that went unheard before */
};

/* One filter for all runs of a service. */
struct made {
	unsigned node;
	char *service; /* owned */
	struct calls_program program;
};

struct calls {
	struct calls_opts o;
	struct apart side;
	struct calls_shared *shared; /* side.shared */
	int door;                    /* owned: keepers hand listeners in here */
	struct loop *loop;           /* borrowed while it is listened to */
	unsigned listening;
	struct rule_at rule[CALLS_RULES_MAX]; /* by the rule's place */
	struct made *made;           /* owned */
	size_t made_count;
	void (*on_sync)(void *arg, unsigned node, const char *process, bool all);
	void *sync_arg;
	uint32_t synced;
};

/* ---- hits ---- */

static void fetch_hits(struct calls *c)
{
	struct calls_hit h;

	while (hits_pop(&c->shared->hits, &h)) {
		const struct rule_at *l = &c->rule[h.rule % CALLS_RULES_MAX];

		if (l->used && l->id == h.rule)
			l->fn(l->arg, &h);
	}
}

/* One at a time: the supervisor asks again when this one has been told. */
static void fetch_sync(struct calls *c)
{
	struct calls_order o = { .op = CALLS_SYNC_TOLD };
	uint32_t asked = __atomic_load_n(&c->shared->sync.asked, __ATOMIC_ACQUIRE);

	if (!c->on_sync || asked == c->synced)
		return;
	c->synced = asked;
	c->on_sync(c->sync_arg, c->shared->sync.process_node, c->shared->sync.process,
		   c->shared->sync.all);
	o.index = asked;
	apart_order(&c->side, &o, sizeof(o), "that a sync was told", NULL);
}

static void bell_rings(struct loop_fd *f, uint32_t events)
{
	struct apart *side = (struct apart *)(void *)((char *)f - offsetof(struct apart, bell));
	struct calls *c = (struct calls *)(void *)((char *)side - offsetof(struct calls, side));

	(void)events;
	apart_rung(side);
	fetch_hits(c);
	fetch_sync(c);
}

/* The loop wakes us as long as there is a rule, or somebody to be told of a sync. */
static int listen_to(struct calls *c, struct loop *loop, struct err *e)
{
	int r = 0;

	assert(!c->listening || c->loop == loop);
	if (!c->listening) {
		c->loop = loop;
		r = loop_fd_set(loop, &c->side.bell, EPOLLIN);
	}
	if (r < 0)
		return err_errno(e, -r, "listening to the supervisor of calls");
	c->listening++;
	return 0;
}

static void listen_less(struct calls *c)
{
	if (!--c->listening)
		loop_fd_set(c->loop, &c->side.bell, 0);
}

/* ---- life ---- */

int calls_new(struct calls **ret, const struct calls_opts *o, struct err *e)
{
	struct calls *c = xcalloc(1, sizeof(*c));
	struct calls_serve serve = { .nodes = o->nodes, .nodes_count = o->nodes_count };
	size_t bytes = sizeof(struct calls_shared) + hits_bytes(CALLS_HITS,
								sizeof(struct calls_hit));
	struct apart_opts so = { .name = "calls", .shared_bytes = bytes, .fds_count = 1,
				.main = serve_main, .arg = &serve };
	struct calls_order hello = { .op = CALLS_HELLO };
	int sv[2] = { -1, -1 }, r;

	c->o = *o;
	c->side = (struct apart)APART_NONE;
	c->door = -1;
	r = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0
		? err_errno(e, errno, "socketpair") : 0;
	so.fds[0] = sv[1];
	c->door = sv[0];
	if (r == 0)
		r = apart_start(&c->side, &so, e);
	if (sv[1] >= 0)
		close(sv[1]);
	c->shared = c->side.shared;
	c->side.bell.ready = bell_rings;
	if (r == 0)
		r = apart_order(&c->side, &hello, sizeof(hello), "a greeting", e);
	if (r < 0) {
		calls_free(c);
		return err_wrap(e, "the supervisor of system calls");
	}
	*ret = c;
	return 0;
}

void calls_free(struct calls *c)
{
	if (!c)
		return;
	if (c->listening)
		loop_fd_set(c->loop, &c->side.bell, 0);
	apart_stop(&c->side);
	if (c->door >= 0)
		close(c->door);
	for (size_t i = 0; i < c->made_count; i++) {
		free(c->made[i].service);
		free((void *)(uintptr_t)c->made[i].program.code);
	}
	free(c->made);
	free(c);
}

int calls_alive(struct calls *c, struct err *e)
{
	return apart_alive(&c->side) ? 0 : err_set(e, EPIPE,
						  "the supervisor of system calls is gone");
}

int calls_door(const struct calls *c)
{
	return c->door;
}

int calls_program(struct calls *c, unsigned node, const char *service, struct calls_program *ret,
		  struct err *e)
{
	struct made m = { .node = node };
	int r;

	for (size_t i = 0; i < c->made_count; i++)
		if (c->made[i].node == node && str_eq(c->made[i].service, service)) {
			*ret = c->made[i].program;
			return 0;
		}
	r = filter_make(c->o.watch, c->o.watch_count, node, service, &m.program, e);
	if (r < 0)
		return r;
	m.service = xstrdup(service);
	c->made = xrealloc(c->made, (c->made_count + 1) * sizeof(*c->made));
	c->made[c->made_count++] = m;
	*ret = m.program;
	return 0;
}

/* ---- rules ---- */

static uint64_t lost_of(const struct calls *c, unsigned id)
{
	return __atomic_load_n(&c->shared->lost_of[id % CALLS_RULES_MAX], __ATOMIC_RELAXED);
}

/* What there was no room for has happened all the same: that much is told. */
static void tell_lost(const struct calls *c, const struct rule_at *l)
{
	struct calls_hit h = { .count = lost_of(c, l->id) - l->lost, .rule = l->id,
			       .did = CALLS_UNHEARD };

	if (h.count)
		l->fn(l->arg, &h);
}

int calls_rule_add(struct calls *c, struct loop *loop, const struct calls_rule *rule,
		   void (*fn)(void *arg, const struct calls_hit *h), void *arg, unsigned *ret_id,
		   struct err *e)
{
	struct calls_order o = { .op = CALLS_RULE_ADD, .rule = *rule };
	struct rule_at *l;
	int r = listen_to(c, loop, e);

	assert(fn);
	if (r < 0)
		return r;
	r = apart_order(&c->side, &o, sizeof(o), "a rule", e);
	if (r < 0) {
		listen_less(c);
		return r;
	}
	l = &c->rule[(unsigned)r % CALLS_RULES_MAX];
	*l = (struct rule_at){ .used = true, .id = (unsigned)r, .fn = fn, .arg = arg,
			       .lost = lost_of(c, (unsigned)r) };
	*ret_id = (unsigned)r;
	return 0;
}

int calls_rule_del(struct calls *c, unsigned id, struct err *e)
{
	struct calls_order o = { .op = CALLS_RULE_DEL, .index = id };
	struct rule_at *l = &c->rule[id % CALLS_RULES_MAX];
	int r;

	if (!l->used || l->id != id)
		return err_set(e, ENOENT, "the supervisor of calls knows no rule %u", id);
	r = apart_order(&c->side, &o, sizeof(o), "the end of a rule", e);
	fetch_hits(c);
	tell_lost(c, l);
	l->used = false;
	listen_less(c);
	return r;
}

int calls_on_sync(struct calls *c, struct loop *loop,
		  const uint64_t nodes[CALLS_NODES_MAX / 64],
		  void (*fn)(void *arg, unsigned node, const char *process, bool all), void *arg,
		  struct err *e)
{
	struct calls_order o = { .op = CALLS_SYNC_NODES };
	int r = listen_to(c, loop, e);

	if (r < 0)
		return r;
	memcpy(o.nodes, nodes, sizeof(o.nodes));
	c->on_sync = fn;
	c->sync_arg = arg;
	return apart_order(&c->side, &o, sizeof(o), "to tell of syncs", e);
}

size_t calls_facts(struct calls *c, struct calls_facts *ret, size_t max)
{
	uint32_t n = __atomic_load_n(&c->shared->services, __ATOMIC_ACQUIRE);
	size_t i = 0;

	for (; i < n && i < max; i++)
		ret[i] = c->shared->facts[i];
	return i;
}
