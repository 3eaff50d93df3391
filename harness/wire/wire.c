/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The worker's side of the wire: it forks the switch,
 * makes interfaces and hands their queues over a socket. The switch is a
 * process and not a thread, so that the worker stays single-threaded (it must
 * enter namespaces) and a busy worker delays no packet. It dies with the
 * worker twice over: by PR_SET_PDEATHSIG and by end of file on the socket.
 * When the last holder of a queue is gone the kernel removes the interface.
 *
 * A second process writes captures (writer.c), because the disk may make it wait.
 *
 * Rules go over the same socket and are in effect when the answer comes. Hits
 * come back through a ring in shared memory; an eventfd, the bell, wakes the
 * loop, and each hit goes to whoever added its rule. Before a rule is declared
 * gone the ring is emptied, so no hit comes after its heal.
 */
#include "wire/room.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/pass.h"
#include "wire/netem.h"

struct listener {
	bool used;
	unsigned id;
	void (*fn)(void *arg, const struct wire_hit *h);
	void *arg;
	uint64_t lost; /* hits of this place that went unheard before */
};

struct names_listener {
	bool used;
	unsigned id;
	uint64_t lost; /* hits of this place that went unheard before */
	void (*fn)(void *arg, const struct wire_dns_hit *h);
	void *arg;
};

/* struct child - a process of ours: the switch, or the writer of captures. */
struct child {
	pid_t pid;
	int pidfd, ctl;             /* owned */
};

struct wire {
	struct child sw, writer;
	int wake;                   /* owned: an eventfd, wakes the writer */
	bool capturing;
	struct wire_shared *shared; /* mapped */
	struct loop *loop;          /* borrowed while there are rules */
	struct loop_fd bell;        /* its descriptor is owned */
	struct listener listener[WIRE_RULES_MAX]; /* by the rule's place */
	struct names_listener names[WIRE_DNS_RULES_MAX];
	unsigned rules; /* of both kinds */
	struct netem *netem;        /* owned: what the kernel does in our place */
	int net[WIRE_NODES_MAX];    /* borrowed: namespaces of attached nodes; -1: none */
	uint64_t lost[WIRE_NODES_MAX]; /* by their interfaces before this trial */
};

/* In the new process: keep only these three, as 3, 4 and 5, and hear no keyboard. */
static void child_begin(const char *name, const int fds[3])
{
	int high[3];

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setsid() < 0)
		_exit(1);
	prctl(PR_SET_NAME, name);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (int i = 0; i < 3; i++) {
		high[i] = fcntl(fds[i], F_DUPFD, 6);
		if (high[i] < 0)
			_exit(1);
	}
	for (int i = 0; i < 3; i++)
		if (dup2(high[i], 3 + i) < 0)
			_exit(1);
	close_range(6, ~0U, 0);
}

static _Noreturn void child_run(struct wire *w, struct child *c, int ctl)
{
	const int fds[3] = { ctl, w->bell.fd, w->wake };
	bool is_switch = c == &w->sw;

	child_begin(is_switch ? "wire" : "wire-writer", fds);
	if (is_switch)
		switch_run(3, 4, 5, w->shared);
	else
		capture_writer_run(3, 5, &w->shared->capture);
	_exit(0);
}

static int child_fork(struct wire *w, struct child *c, struct err *e)
{
	cleanup_close int near = -1, far = -1;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(e, errno, "socketpair");
	near = sv[0];
	far = sv[1];
	c->pid = fork();
	if (c->pid < 0)
		return err_errno(e, errno, "fork");
	if (c->pid == 0)
		child_run(w, c, far);
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pidfd < 0)
		return err_errno(e, errno, "pidfd_open");
	c->ctl = steal_fd(&near);
	return 0;
}

/* @wait: until it is gone; else it may stay for as long as a disk holds it. */
static void child_end(struct child *c, bool wait)
{
	if (c->ctl >= 0)
		close(c->ctl);
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, wait ? 0 : WNOHANG) < 0 && errno == EINTR)
			;
	}
	if (c->pidfd >= 0)
		close(c->pidfd);
	*c = (struct child){ .pidfd = -1, .ctl = -1 };
}

/* ---- hits ---- */

/* One writer, one reader, like ring_push and ring_pop. */
bool names_ring_push(struct names_ring *r, const struct wire_dns_hit *h)
{
	uint32_t head = r->head;

	if (head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) >= NAMES_RING) {
		uint64_t *lost = &r->lost_of[h->rule % WIRE_DNS_RULES_MAX];

		__atomic_store_n(lost, *lost + h->count, __ATOMIC_RELAXED);
		return false;
	}
	r->at[head % NAMES_RING] = *h;
	__atomic_store_n(&r->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

bool names_ring_pop(struct names_ring *r, struct wire_dns_hit *ret)
{
	uint32_t tail = r->tail;

	if (tail == __atomic_load_n(&r->head, __ATOMIC_ACQUIRE))
		return false;
	*ret = r->at[tail % NAMES_RING];
	__atomic_store_n(&r->tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}

static void fetch_names_hits(struct wire *w)
{
	struct wire_dns_hit h;

	while (names_ring_pop(&w->shared->names_ring, &h)) {
		const struct names_listener *l = &w->names[h.rule % WIRE_DNS_RULES_MAX];

		if (l->used && l->id == h.rule)
			l->fn(l->arg, &h);
	}
}

static void fetch_hits(struct wire *w)
{
	struct wire_hit h;

	while (ring_pop(&w->shared->ring, &h)) {
		const struct listener *l = &w->listener[h.rule % WIRE_RULES_MAX];

		if (l->used && l->id == h.rule)
			l->fn(l->arg, &h);
	}
}

static void bell_rings(struct loop_fd *f, uint32_t events)
{
	struct wire *w = (struct wire *)(void *)((char *)f - offsetof(struct wire, bell));
	uint64_t rings;

	(void)events;
	if (read(f->fd, &rings, sizeof(rings)) < 0)
		return;
	fetch_hits(w);
	fetch_names_hits(w);
}

/* ---- life ---- */

int wire_new(struct wire **ret, struct err *e)
{
	struct wire *w = xcalloc(1, sizeof(*w));
	int r;

	w->sw = w->writer = (struct child){ .pidfd = -1, .ctl = -1 };
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (size_t i = 0; i < WIRE_NODES_MAX; i++)
		w->net[i] = -1;
	w->netem = netem_new(w->net);
	w->bell = (struct loop_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				    .ready = bell_rings };
	w->shared = mmap(NULL, sizeof(*w->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w->bell.fd < 0 || w->wake < 0 || w->shared == MAP_FAILED) {
		r = err_errno(e, errno, "eventfd or mmap");
		w->shared = w->shared == MAP_FAILED ? NULL : w->shared;
	} else {
		r = child_fork(w, &w->sw, e);
		r = r < 0 ? r : child_fork(w, &w->writer, e);
	}
	if (r < 0) {
		wire_free(w);
		return err_wrap(e, "starting the wire");
	}
	*ret = w;
	return 0;
}

void wire_free(struct wire *w)
{
	if (!w)
		return;
	netem_free(w->netem);
	child_end(&w->sw, true);
	child_end(&w->writer, false);
	assert(!w->bell.armed);
	if (w->bell.fd >= 0)
		close(w->bell.fd);
	if (w->wake >= 0)
		close(w->wake);
	if (w->shared)
		munmap(w->shared, sizeof(*w->shared));
	free(w);
}

/* ---- orders ---- */

/* One order and its answer. @what: for the words of a refusal. */
static int call(struct wire *w, const struct wire_order *o, int fd, const char *what,
		struct err *e)
{
	int r = pass_send(w->sw.ctl, o, sizeof(*o), &fd, fd >= 0), reply;
	ssize_t n;

	if (r < 0)
		return err_errno(e, -r, "the wire's process is gone");
	do
		n = recv(w->sw.ctl, &reply, sizeof(reply), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(reply))
		return err_set(e, EPIPE, "the wire's process is gone");
	return reply < 0 ? err_errno(e, -reply, "the wire refused %s %u", what, o->index) : reply;
}

int wire_attach(struct wire *w, int netns_fd, unsigned index, struct err *e)
{
	cleanup_close int fd = -1;
	int r;

	assert(netns_fd >= 0);
	if (index >= WIRE_NODES_MAX)
		return err_set(e, E2BIG, "more than %d nodes", WIRE_NODES_MAX);
	r = tun_make(netns_fd, index, &fd, e);
	if (r < 0)
		return err_wrap(e, "the interface of node %u", index);
	r = call(w, &(struct wire_order){ .op = WIRE_ADD, .index = index }, fd, "node", e);
	w->net[index] = r < 0 ? -1 : netns_fd;
	w->lost[index] = 0;
	return r;
}

int wire_detach(struct wire *w, unsigned index, struct err *e)
{
	assert(index < WIRE_NODES_MAX);
	w->net[index] = -1;
	return call(w, &(struct wire_order){ .op = WIRE_DEL, .index = index }, -1, "node", e);
}

static uint64_t lost_now(const struct wire *w, unsigned index)
{
	uint64_t n = 0;
	struct err e = { 0 };

	if (w->net[index] < 0 || tun_lost(w->net[index], &n, &e) < 0)
		return w->lost[index];
	return n;
}

uint64_t wire_overrun(const struct wire *w, unsigned index)
{
	assert(index < WIRE_NODES_MAX);
	return lost_now(w, index) - w->lost[index];
}

int wire_reset(struct wire *w, struct err *e)
{
	assert(!w->rules);
	netem_reset(w->netem);
	for (unsigned i = 0; i < WIRE_NODES_MAX; i++)
		w->lost[i] = lost_now(w, i);
	return call(w, &(struct wire_order){ .op = WIRE_RESET_ALL }, -1, "reset", e);
}

/* The bell is heard while there is a rule of either kind. */
static int listen_begin(struct wire *w, struct loop *loop, struct err *e)
{
	int r;

	assert(!w->rules || w->loop == loop);
	if (w->rules)
		return 0;
	w->loop = loop;
	r = loop_fd_set(loop, &w->bell, EPOLLIN);
	return r < 0 ? err_errno(e, -r, "listening to the wire") : 0;
}

static void listen_end(struct wire *w)
{
	if (!w->rules)
		loop_fd_set(w->loop, &w->bell, 0);
}

static uint64_t lost_of(const struct wire *w, unsigned id)
{
	return __atomic_load_n(&w->shared->ring.lost_of[id % WIRE_RULES_MAX], __ATOMIC_RELAXED);
}

/* What the ring had no room for has happened all the same: that much is told. */
static void tell_lost(const struct wire *w, const struct listener *l)
{
	struct wire_hit h = { .count = lost_of(w, l->id) - l->lost, .rule = l->id,
			      .did = DID_UNHEARD };

	if (h.count)
		l->fn(l->arg, &h);
}

int wire_rule_add(struct wire *w, struct loop *loop, const struct wire_rule *rule,
		  void (*fn)(void *arg, const struct wire_hit *h), void *arg, unsigned *ret_id,
		  struct err *e)
{
	struct wire_order o = { .op = WIRE_RULE_ADD, .rule = *rule };
	int r;

	if (rule->backend == WIRE_NETEM)
		return netem_rule_add(w->netem, loop, rule, fn, arg, ret_id, e);
	assert(fn);
	r = listen_begin(w, loop, e);
	if (r == 0)
		r = call(w, &o, -1, "rule", e);
	if (r < 0) {
		listen_end(w);
		return r;
	}
	w->listener[(unsigned)r % WIRE_RULES_MAX] =
		(struct listener){ .used = true, .id = (unsigned)r, .fn = fn, .arg = arg,
				    .lost = lost_of(w, (unsigned)r) };
	w->rules++;
	*ret_id = (unsigned)r;
	return 0;
}

int wire_rule_del(struct wire *w, unsigned id, struct err *e)
{
	struct wire_order o = { .op = WIRE_RULE_DEL, .index = id };
	struct listener *l = &w->listener[id % WIRE_RULES_MAX];
	int r;

	if (id & NETEM_ID)
		return netem_rule_del(w->netem, id, e);
	if (!l->used || l->id != id)
		return err_set(e, ENOENT, "the wire knows no rule %u", id);
	r = call(w, &o, -1, "rule", e);
	fetch_hits(w);
	tell_lost(w, l);
	l->used = false;
	w->rules--;
	listen_end(w);
	return r;
}

/* ---- names ---- */

int wire_names_set(struct wire *w, const struct wire_names *names, struct err *e)
{
	w->shared->names = *names;
	return call(w, &(struct wire_order){ .op = WIRE_NAMES }, -1, "names", e);
}

static uint64_t names_lost_of(const struct wire *w, unsigned id)
{
	return __atomic_load_n(&w->shared->names_ring.lost_of[id % WIRE_DNS_RULES_MAX],
			       __ATOMIC_RELAXED);
}

/* As tell_lost(). */
static void names_tell_lost(const struct wire *w, const struct names_listener *l)
{
	struct wire_dns_hit h = { .count = names_lost_of(w, l->id) - l->lost, .rule = l->id,
				  .did = DNS_DID_UNHEARD };

	if (h.count)
		l->fn(l->arg, &h);
}

int wire_dns_add(struct wire *w, struct loop *loop, const struct wire_dns_rule *rule,
		 void (*fn)(void *arg, const struct wire_dns_hit *h), void *arg, unsigned *ret_id,
		 struct err *e)
{
	struct wire_order o = { .op = WIRE_DNS_ADD, .dns = *rule };
	int r = listen_begin(w, loop, e);

	assert(fn);
	if (r == 0)
		r = call(w, &o, -1, "rule", e);
	if (r < 0) {
		listen_end(w);
		return r;
	}
	w->names[(unsigned)r % WIRE_DNS_RULES_MAX] =
		(struct names_listener){ .used = true, .id = (unsigned)r, .fn = fn, .arg = arg,
					  .lost = names_lost_of(w, (unsigned)r) };
	w->rules++;
	*ret_id = (unsigned)r;
	return 0;
}

int wire_dns_del(struct wire *w, unsigned id, struct err *e)
{
	struct wire_order o = { .op = WIRE_DNS_DEL, .index = id };
	struct names_listener *l = &w->names[id % WIRE_DNS_RULES_MAX];
	int r;

	if (!l->used || l->id != id)
		return err_set(e, ENOENT, "the wire knows no rule %u", id);
	r = call(w, &o, -1, "rule", e);
	fetch_names_hits(w);
	names_tell_lost(w, l);
	l->used = false;
	w->rules--;
	listen_end(w);
	return r;
}

uint64_t wire_forgotten(const struct wire *w)
{
	return __atomic_load_n(&w->shared->forgotten, __ATOMIC_RELAXED);
}

struct wire_counters wire_counters(const struct wire *w, unsigned index)
{
	const struct wire_port *p = &w->shared->port[index];

	assert(index < WIRE_NODES_MAX);
	return (struct wire_counters){
		.packets = __atomic_load_n(&p->packets, __ATOMIC_RELAXED),
		.bytes = __atomic_load_n(&p->bytes, __ATOMIC_RELAXED),
		.dropped = __atomic_load_n(&p->dropped, __ATOMIC_RELAXED),
	};
}

struct wire_link wire_link(const struct wire *w, unsigned from, unsigned to)
{
	assert(from < WIRE_NODES_MAX && to < WIRE_NODES_MAX);
	return w->shared->link[from][to];
}

/* ---- captures ---- */

#define WRITER_WITHIN_MS 10000 /* for what lies in the ring: a disk slower than that has stopped */

static int capture_switch(struct wire *w, enum wire_capture what, struct err *e)
{
	struct wire_order o = { .op = WIRE_CAPTURE, .index = what };

	return call(w, &o, -1, "capture", e);
}

/* One message to the writer, with or without a file, and its answer. */
static int tell_writer(struct wire *w, int fd, struct err *e)
{
	struct pollfd p = { .fd = w->writer.ctl, .events = POLLIN };
	int r = pass_send(w->writer.ctl, "", 1, &fd, fd >= 0), reply;

	if (r < 0)
		return err_errno(e, -r, "the writer of captures is gone");
	do
		r = poll(&p, 1, WRITER_WITHIN_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return err_set(e, ETIMEDOUT, "the disk did not take the capture within %d s",
			       WRITER_WITHIN_MS / 1000);
	if (recv(p.fd, &reply, sizeof(reply), MSG_DONTWAIT) != (ssize_t)sizeof(reply))
		return err_set(e, EPIPE, "the writer of captures is gone");
	return 0;
}

/* What its last capture came to does not matter to the next one. */
static int writer_mend(struct wire *w, struct err *e)
{
	struct pollfd p = { .fd = w->writer.pidfd, .events = POLLIN };

	if (w->writer.pid > 0 && poll(&p, 1, 0) == 0)
		return 0;
	child_end(&w->writer, true);
	return child_fork(w, &w->writer, e);
}

static void capture_clear(struct capture *c, const struct wire_capture_opts *o)
{
	uint32_t asleep = c->asleep;

	memset(c, 0, offsetof(struct capture, ring));
	c->asleep = asleep;
	c->snap = o->snap;
	c->size_max = o->size_max;
	c->epoch_ns = o->epoch_ns;
	c->wall_ns = clock_wall() - clock_now();
	c->nodes = o->nodes;
	for (unsigned i = 0; i < o->nodes; i++)
		snprintf(c->name[i], sizeof(c->name[i]), "%s", o->names[i]);
}

int wire_capture_begin(struct wire *w, const struct wire_capture_opts *o, struct err *e)
{
	int r = writer_mend(w, e);

	assert(!w->capturing && o->fd >= 0 && o->nodes <= WIRE_NODES_MAX);
	if (r < 0)
		return r;
	capture_clear(&w->shared->capture, o);
	r = tell_writer(w, o->fd, e);
	if (r == 0)
		r = capture_switch(w, o->what, e);
	w->capturing = r == 0;
	return r < 0 ? err_wrap(e, "capturing packets") : 0;
}

static void capture_facts(const struct capture *c, struct wire_capture_facts *ret)
{
	*ret = (struct wire_capture_facts){ .packets = c->packets, .bytes = c->bytes,
					    .lost = c->lost, .snapped = c->snapped,
					    .masked = c->masked, .error = c->error };
	for (unsigned i = 0; i < c->nodes; i++)
		ret->over += c->missing[i] + c->over[i];
	ret->over -= c->lost;
}

int wire_capture_end(struct wire *w, struct wire_capture_facts *ret, struct err *e)
{
	int r;

	*ret = (struct wire_capture_facts){ 0 };
	if (!w->capturing)
		return 0;
	w->capturing = false;
	r = capture_switch(w, CAPTURE_OFF, e);
	if (r == 0)
		r = tell_writer(w, -1, e);
	if (r < 0)
		child_end(&w->writer, false);
	capture_facts(&w->shared->capture, ret);
	return r;
}

int wire_alive(const struct wire *w)
{
	struct pollfd p = { .fd = w ? w->sw.pidfd : -1, .events = POLLIN };

	return w && poll(&p, 1, 0) == 0;
}
