/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The switch process:
 *
 *   node 0 ── queue ─┐             ┌─ queue ── node 1
 *                    ├─ read, look ┤
 *   node 2 ── queue ─┘ at the      └─ queue ── node 3
 *                      destination,
 *                      write
 *
 * One frame per read, as the TUN driver has it, with the virtio header in
 * front, which is handed on unchanged. A ready queue is drained up to BURST
 * packets before the next has its turn, where a large frame that is cut up
 * counts as what it is cut into, so one busy node cannot starve the
 * others. A write goes straight into the receiver's stack and does not wait.
 * After a turn that moved something it may stay awake for the next (spin.c).
 * What is addressed to the name server goes to responder.c; what is addressed
 * to no node here (multicast, any outside address) is
 * dropped and counted as sent by its node.
 *
 * On a bad day impair.c stands between look and write. Packets that wait there
 * bound the time to wait for more; the process's timer slack is 1 ns, because
 * a delay should be as long as it was asked to be. Hits go into a ring that
 * the worker reads when its bell rings; a full ring costs hits, never time.
 * Packets for a capture go through a ring of their own (capture.c) to a process
 * that may wait for the disk.
 *
 * No memory is allocated on the packet path.
 */
#include "wire/room.h"

#include <errno.h>
#include <linux/sched.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/pass.h"
#include "wire/impair.h"
#include "wire/responder.h"
#include "base/spin.h"

#define BURST 64
#define EVENTS_MAX 64
#define HEADER sizeof(struct virtio_net_hdr)
#define FRAME_MAX (HEADER + 65535 + 512)

#define FAULTS_NUMBERED 1024 /* hits of later ones have no number in captures */

struct sw {
	int ep, ctl, bell, writer;
	bool told;                 /* hits since the bell rang */
	enum wire_capture capture;
	struct tally *tally;       /* owned */
	uint64_t hits[FAULTS_NUMBERED]; /* of each fault, as its events count them */
	uint32_t number;           /* of the event of the last hit; 0: it went unheard */
	struct {
		int32_t fault;
		uint64_t count;
	} unheard[WIRE_RULES_MAX]; /* of the rule in that place */
	struct impair *impair;     /* owned */
	struct responder *names;   /* owned */
	struct wire_shared *shared;
	struct spin spin;
	bool moved;                /* frames, in this turn */
	int queue[WIRE_NODES_MAX]; /* owned; -1: none */
	uint8_t *frame;            /* FRAME_MAX bytes */
};

int switch_dest(const uint8_t *p, size_t len)
{
	static const uint8_t net4[3] = { 10, 77, 0 };
	static const uint8_t net6[14] = { 0xfd, 0x77 };
	unsigned host;

	if (len >= 20 && p[0] >> 4 == 4 && !memcmp(p + 16, net4, sizeof(net4)))
		host = p[19];
	else if (len >= 40 && p[0] >> 4 == 6 && !memcmp(p + 24, net6, sizeof(net6)))
		host = (unsigned)p[38] << 8 | p[39];
	else
		return -1;
	return host >= 1 && host <= WIRE_NODES_MAX ? (int)host - 1 : -1;
}

static void count(uint64_t *c, uint64_t n)
{
	__atomic_store_n(c, *c + n, __ATOMIC_RELAXED);
}

/* ---- hits ---- */

bool ring_push(struct wire_ring *r, const struct wire_hit *h)
{
	uint32_t head = r->head;

	if (head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) >= WIRE_RING) {
		uint64_t hits = wire_did_alter(h->did) ? h->count : 0;

		count(&r->lost, hits);
		count(&r->lost_of[h->rule % WIRE_RULES_MAX], hits);
		return false;
	}
	r->at[head % WIRE_RING] = *h;
	__atomic_store_n(&r->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

bool ring_pop(struct wire_ring *r, struct wire_hit *ret)
{
	uint32_t tail = r->tail;

	if (tail == __atomic_load_n(&r->head, __ATOMIC_ACQUIRE))
		return false;
	*ret = r->at[tail % WIRE_RING];
	__atomic_store_n(&r->tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}

/* Some more hits of a fault; the number of the last. */
static uint32_t number_hits(struct sw *s, int32_t fault, uint64_t more)
{
	if ((uint32_t)fault >= FAULTS_NUMBERED)
		return 0;
	s->hits[fault] += more;
	return (uint32_t)s->hits[fault];
}

static void on_hit(void *arg, const struct wire_hit *h)
{
	struct sw *s = arg;
	bool heard = ring_push(&s->shared->ring, h);

	s->told = true;
	s->number = 0;
	if (heard) {
		s->number = number_hits(s, h->fault, wire_did_alter(h->did) ? h->count : 0);
		return;
	}
	s->unheard[h->rule % WIRE_RULES_MAX].fault = h->fault;
	s->unheard[h->rule % WIRE_RULES_MAX].count += wire_did_alter(h->did) ? h->count : 0;
}

/* The worker numbers a fault's hits as they come out of the ring: in the same order. */
static uint32_t on_number(void *arg)
{
	return ((struct sw *)arg)->number;
}

static void on_names_hit(void *arg, const struct wire_dns_hit *h)
{
	struct sw *s = arg;

	names_ring_push(&s->shared->names_ring, h);
	s->told = true;
}

static void ring_bell(struct sw *s)
{
	uint64_t one = 1;

	if (s->told && write(s->bell, &one, sizeof(one)) < 0)
		return; /* full of rings already: it will be heard */
	s->told = false;
}

/* ---- evidence ---- */

static void on_seen(void *arg, const struct wire_seen *x)
{
	struct sw *s = arg;
	bool gone = x->what == SEEN_DROPPED || x->what == SEEN_CUT || x->what == SEEN_CROWDED;
	bool altered = x->notes || x->what != SEEN_PASSED;

	if (gone)
		s->shared->link[x->from][x->to].dropped++;
	if (s->capture == CAPTURE_ALL || (altered && s->capture == CAPTURE_ALTERED))
		capture_put(&s->shared->capture, x);
}

/* A packet that no rule looked at, into a capture of all. */
static void show(struct sw *s, unsigned from, int to, size_t len, enum seen_what what)
{
	if (s->capture == CAPTURE_ALL)
		capture_put(&s->shared->capture,
			    &(struct wire_seen){ .frame = s->frame, .len = len, .now = clock_now(),
					    .from = (uint16_t)from, .what = (uint8_t)what,
					    .to = (uint16_t)(to < 0 ? 0 : to) });
}

static void wake_writer(struct sw *s)
{
	uint64_t one = 1;

	if (s->capture && capture_wants_waking(&s->shared->capture) &&
	    write(s->writer, &one, sizeof(one)) < 0)
		return; /* as ring_bell() */
}

static void on_lost(void *arg, unsigned from)
{
	count(&((struct sw *)arg)->shared->port[from].dropped, 1);
}

static void on_deliver(void *arg, unsigned to, const uint8_t *frame, size_t len)
{
	struct sw *s = arg;

	if (s->queue[to] >= 0 && write(s->queue[to], frame, len) != (ssize_t)len)
		count(&s->shared->port[to].dropped, 1);
}

/* An answer of the name server. */
static void on_answer(void *arg, unsigned to, const uint8_t *frame, size_t len)
{
	struct sw *s = arg;

	if (s->capture == CAPTURE_ALL)
		capture_put(&s->shared->capture,
			    &(struct wire_seen){ .frame = frame, .len = len, .now = clock_now(),
					    .to = (uint16_t)to, .what = SEEN_MADE });
	on_deliver(arg, to, frame, len);
}

/* ---- packets ---- */

/* To a node, and no rule is about it. Large frames stay large. */
static void forward_plain(struct sw *s, unsigned from, unsigned to, size_t n)
{
	show(s, from, (int)to, n, SEEN_PASSED);
	if (s->queue[to] >= 0 && write(s->queue[to], s->frame, n) == (ssize_t)n)
		return;
	count(&s->shared->port[from].dropped, 1);
	s->shared->link[from][to].dropped++;
}

/* To no node: a question about a name, or a packet that would leave. */
static void forward_out(struct sw *s, unsigned from, size_t n)
{
	bool asked = responder_frame(s->names, from, s->frame, n, clock_now());

	show(s, from, -1, n, asked ? SEEN_PASSED : SEEN_NOWHERE);
	if (!asked)
		count(&s->shared->port[from].dropped, 1);
}

/* One frame from node `from`; how many packets it was, 0: its queue is empty. */
static unsigned forward_one(struct sw *s, unsigned from)
{
	struct wire_port *port = &s->shared->port[from];
	ssize_t n = read(s->queue[from], s->frame, FRAME_MAX);
	int to;

	if (n < 0)
		return errno == EINTR;
	if ((size_t)n <= HEADER)
		return 1;
	count(&port->packets, 1);
	count(&port->bytes, (uint64_t)n - HEADER);
	to = switch_dest(s->frame + HEADER, (size_t)n - HEADER);
	if (to < 0) {
		forward_out(s, from, (size_t)n);
		return 1;
	}
	tally_packet(s->tally, &s->shared->link[from][to], from, (unsigned)to, s->frame,
		     (size_t)n);
	if (impair_wants(s->impair, from, (unsigned)to, s->frame, (size_t)n))
		return impair_frame(s->impair, from, (unsigned)to, s->frame, (size_t)n,
				    clock_now());
	forward_plain(s, from, (unsigned)to, (size_t)n);
	return 1;
}

static void drain(struct sw *s, unsigned from)
{
	for (unsigned n, sum = 0; sum < BURST && s->queue[from] >= 0; sum += n) {
		n = forward_one(s, from);
		if (!n)
			return;
	}
}

static int port_del(struct sw *s, unsigned index)
{
	if (s->queue[index] < 0)
		return -ENOENT;
	epoll_ctl(s->ep, EPOLL_CTL_DEL, s->queue[index], NULL);
	close(s->queue[index]);
	s->queue[index] = -1;
	return 0;
}

static int port_add(struct sw *s, unsigned index, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = index };

	if (fd < 0)
		return -EBADF;
	if (s->queue[index] >= 0)
		port_del(s, index);
	if (epoll_ctl(s->ep, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	s->queue[index] = fd;
	s->shared->port[index] = (struct wire_port){ 0 };
	return 0;
}

/* The worker counts what went unheard when the rule is gone. */
static int rule_del(struct sw *s, unsigned id)
{
	unsigned place = id % WIRE_RULES_MAX;
	int r = impair_del(s->impair, id, clock_now());

	number_hits(s, s->unheard[place].fault, s->unheard[place].count);
	s->unheard[place].count = 0;
	return r;
}

static int reset(struct sw *s)
{
	impair_reset(s->impair);
	responder_reset(s->names);
	tally_reset(s->tally);
	memset(s->hits, 0, sizeof(s->hits));
	memset(s->unheard, 0, sizeof(s->unheard));
	/* Gives the pages back: they read as zero afterwards. */
	return madvise(s->shared->link, sizeof(s->shared->link), MADV_REMOVE) < 0 ? -errno : 0;
}

static int order(struct sw *s, const struct wire_order *o, int fd)
{
	switch (o->op) {
	case WIRE_ADD:
		return port_add(s, o->index, fd);
	case WIRE_DEL:
		return port_del(s, o->index);
	case WIRE_RULE_ADD:
		return impair_add(s->impair, &o->rule, clock_now());
	case WIRE_RULE_DEL:
		return rule_del(s, o->index);
	case WIRE_RESET_ALL:
		return reset(s);
	case WIRE_CAPTURE:
		s->capture = (enum wire_capture)o->index;
		return 0;
	case WIRE_NAMES:
		return responder_names(s->names, &s->shared->names);
	case WIRE_DNS_ADD:
		return responder_add(s->names, &o->dns);
	case WIRE_DNS_DEL:
		return responder_del(s->names, o->index, clock_now());
	default:
		return -EINVAL;
	}
}

/* Returns false when the worker is gone. */
static bool obey(struct sw *s)
{
	struct wire_order o = { 0 };
	int fd, r;
	ssize_t n = pass_recv(s->ctl, &o, sizeof(o), &fd, 1, 0);

	if (n != (ssize_t)sizeof(o))
		return n == -EINTR;
	if (o.op <= WIRE_DEL && o.index >= WIRE_NODES_MAX)
		r = -EINVAL;
	else
		r = order(s, &o, fd);
	__atomic_store_n(&s->shared->forgotten, impair_forgotten(s->impair), __ATOMIC_RELAXED);
	return send(s->ctl, &r, sizeof(r), MSG_NOSIGNAL) == (ssize_t)sizeof(r);
}

/* Until something comes, not for long, and not asleep. 0: nothing came. */
static int wait_awake(struct sw *s, struct epoll_event *ev, int64_t due)
{
	int64_t now = clock_now(), until = spin_until(&s->spin, now), before;
	enum spin_came came = SPIN_NOTHING;
	int n = 0;

	if (!until)
		return 0;
	while (came == SPIN_NOTHING && now < until) {
		before = now;
		n = epoll_wait(s->ep, ev, EVENTS_MAX, 0);
		now = clock_now();
		if (now - before > SPIN_GAP_NS)
			came = SPIN_PUSHED;
		else if (n)
			came = SPIN_PACKET;
		else if (now >= due)
			came = SPIN_CUT_SHORT;
	}
	spin_end(&s->spin, came);
	return n;
}

/* Until something comes or a waiting packet is due. */
static int wait_events(struct sw *s, struct epoll_event *ev)
{
	int64_t due = impair_due(s->impair), names = responder_due(s->names), ns;
	struct timespec t;

	if (names < due)
		due = names;
	if (s->moved) {
		int n = wait_awake(s, ev, due);

		if (n)
			return n;
	}
	if (due == INT64_MAX)
		return epoll_wait(s->ep, ev, EVENTS_MAX, -1);
	ns = due - clock_now();
	if (ns < 0)
		ns = 0;
	t = (struct timespec){ .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
	return epoll_pwait2(s->ep, ev, EVENTS_MAX, &t, NULL);
}

static bool serve(struct sw *s)
{
	struct epoll_event ev[EVENTS_MAX];
	int n = wait_events(s, ev);

	s->moved = false;
	if (impair_due(s->impair) != INT64_MAX)
		impair_release(s->impair, clock_now());
	if (responder_due(s->names) != INT64_MAX)
		responder_release(s->names, clock_now());
	for (int i = 0; i < n; i++) {
		if (ev[i].data.u32 < WIRE_NODES_MAX) {
			drain(s, ev[i].data.u32);
			s->moved = true;
		} else if (!obey(s)) {
			return false;
		}
	}
	ring_bell(s);
	wake_writer(s);
	return n >= 0 || errno == EINTR;
}

void switch_run(int ctl, int bell, int writer, struct wire_shared *shared)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = WIRE_NODES_MAX };
	struct sw s = { .ctl = ctl, .bell = bell, .writer = writer, .shared = shared };
	struct impair_out out = { .arg = &s, .deliver = on_deliver, .hit = on_hit,
				  .lost = on_lost, .seen = on_seen, .number = on_number };
	struct responder_out names = { .arg = &s, .deliver = on_answer, .hit = on_names_hit,
				       .lost = on_lost };

	for (unsigned i = 0; i < WIRE_NODES_MAX; i++)
		s.queue[i] = -1;
	s.frame = xmalloc(FRAME_MAX);
	s.tally = tally_new();
	s.impair = impair_new(&out);
	s.names = responder_new(&names);
	spin_init(&s.spin);
	prctl(PR_SET_TIMERSLACK, 1);
	clock_prompt();
	s.ep = epoll_create1(EPOLL_CLOEXEC);
	if (s.ep < 0 || epoll_ctl(s.ep, EPOLL_CTL_ADD, ctl, &ev) < 0)
		return;
	while (serve(&s))
		;
}
