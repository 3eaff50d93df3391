/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The process that is the bank. One loop:
 *
 *   connect ─► bytes ─► http_read ─► api_read ─► rules_decide ─► accounts_do ─► answer
 *                                                     │                           │
 *                                                     └── down, error: nothing done
 *                                                         drop: done, no answer ──┘
 *                                                         slow: done, answer later
 *
 * What happens to money is told to the worker before the answer leaves, so the
 * ledger never knows less than a till. A connection has one request at a time;
 * what a client sends behind it waits. Under bank.down a connection may fall
 * silent: it is read and forgotten, and reset when the bank is up again, as by
 * a host that lost its memory.
 */
#include "bank/room.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/side.h"
#include "ledger/ledger.h"

#define OWNER_OF(type, member, p) ((type *)(void *)((char *)(p) - offsetof(type, member)))
#define CONNS_MAX 4096

struct conn {
	struct loop_fd fd;        /* its descriptor is owned */
	struct loop_timer later;  /* an answer waits */
	struct host *host;
	struct conn *next, **link;
	struct buf in, out, held; /* held: the answer that waits */
	unsigned held_by, silent_by; /* rules; NO_RULE */
	int from;                 /* index of the node; -1 */
	bool silent, last;        /* says nothing any more; closes after what is in out */
	bool continued;           /* 100 Continue was sent for the request that is coming in */
};

struct host {
	struct side_far *far;
	struct loop *loop;
	const struct host_opts *o;
	struct loop_fd door;
	struct accounts *accounts;
	struct rules rules;
	struct conn *conns;
	unsigned conns_count;
};

/* ---- telling the worker ---- */

static void put(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static void tell_record(void *arg, const struct bank_rec *r)
{
	struct host *h = arg;
	struct bank_news n = { .kind = NEWS_RECORD };

	n.record.t_ns = r->t_ns;
	n.record.amount = r->amount;
	put(n.record.what, sizeof(n.record.what), r->what);
	put(n.record.key, sizeof(n.record.key), r->key);
	put(n.record.tid, sizeof(n.record.tid), r->tid);
	put(n.record.rrn, sizeof(n.record.rrn), r->rrn);
	put(n.record.currency, sizeof(n.record.currency), r->currency);
	side_tell(h->far, &n, sizeof(n));
}

static void tell_hit(struct conn *c, unsigned rule, const struct bank_request *q, uint64_t nth,
		     bool approved)
{
	struct host *h = c->host;
	const struct bank_rule *r = rules_get(&h->rules, rule);
	struct bank_news n = { .kind = NEWS_HIT };

	if (!r)
		return;
	n.hit = (struct bank_hit){ .t_ns = clock_now(), .rule = rule, .op = q->op, .nth = nth,
				   .effect = r->effect, .from = c->from, .approved = approved };
	memcpy(n.hit.code, r->code, sizeof(n.hit.code));
	memcpy(n.hit.reference, q->reference, sizeof(n.hit.reference));
	side_tell(h->far, &n, sizeof(n));
}

/* ---- connections ---- */

static void conn_free(struct conn *c)
{
	struct host *h = c->host;

	loop_timer_cancel(h->loop, &c->later);
	loop_fd_set(h->loop, &c->fd, 0);
	close(c->fd.fd);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	h->conns_count--;
	buf_done(&c->in);
	buf_done(&c->out);
	buf_done(&c->held);
	free(c);
}

static void conn_reset(struct conn *c)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(c->fd.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	conn_free(c);
}

/* False: the connection is no more. */
static bool conn_push(struct conn *c)
{
	while (c->out.len) {
		ssize_t n = send(c->fd.fd, c->out.data, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			conn_free(c);
			return false;
		}
		buf_drop_front(&c->out, (size_t)n);
	}
	if (!c->out.len && c->last) {
		conn_free(c);
		return false;
	}
	loop_fd_set(c->host->loop, &c->fd, EPOLLIN | (c->out.len ? EPOLLOUT : 0));
	return true;
}

/* ---- a request ---- */

static void fall_silent(struct conn *c, unsigned rule)
{
	c->silent = true;
	c->silent_by = rule;
	buf_reset(&c->in);
}

/* In place of an answer. False: the connection is no more. */
static bool no_answer(struct conn *c, unsigned rule)
{
	const struct bank_rule *r = rules_get(&c->host->rules, rule);

	if (r && !r->silent) {
		conn_reset(c);
		return false;
	}
	fall_silent(c, rule);
	return true;
}

static void answer_error(struct host *h, unsigned rule, struct bank_answer *ret)
{
	const struct bank_rule *r = rules_get(&h->rules, rule);

	*ret = (struct bank_answer){ .status = 503, .why = "the issuer cannot be reached" };
	memcpy(ret->code, r->code, sizeof(ret->code));
}

static void do_it(struct conn *c, const struct bank_request *q, uint64_t nth,
		  const struct fate *f, struct bank_answer *a)
{
	struct host *h = c->host;
	const struct bank_rule *no = rules_get(&h->rules, f->decline);

	if (f->error != NO_RULE) {
		answer_error(h, f->error, a);
		tell_hit(c, f->error, q, nth, false);
		return;
	}
	accounts_do(h->accounts, q, clock_now(), no && no->code[0] ? no->code : NULL, a);
	if (no && q->op == BANK_AUTHORISE && !a->replayed && !strcmp(a->code, no->code))
		tell_hit(c, f->decline, q, nth, false);
}

/* False: the connection is no more. */
static bool payment(struct conn *c, struct bank_request *q, bool keep)
{
	struct host *h = c->host;
	struct bank_answer a;
	struct fate f;
	uint64_t nth;
	bool approved;

	accounts_reference(h->accounts, q);
	nth = accounts_nth(h->accounts, q->op, q->reference);
	rules_decide(&h->rules, q, c->from, nth, &f);
	if (f.down != NO_RULE) {
		tell_hit(c, f.down, q, nth, false);
		return no_answer(c, f.down);
	}
	do_it(c, q, nth, &f, &a);
	approved = a.state && !strcmp(a.code, "00");
	if (f.drop != NO_RULE) {
		tell_hit(c, f.drop, q, nth, approved);
		return no_answer(c, f.drop);
	}
	c->last = !keep;
	api_write(f.slow == NO_RULE ? &c->out : &c->held, &a, keep);
	if (f.twice != NO_RULE) {
		api_write(f.slow == NO_RULE ? &c->out : &c->held, &a, keep);
		tell_hit(c, f.twice, q, nth, approved);
	}
	if (f.slow == NO_RULE)
		return conn_push(c);
	c->held_by = f.slow;
	tell_hit(c, f.slow, q, nth, approved);
	loop_timer_at(h->loop, &c->later, clock_now() + f.delay_ns);
	return true;
}

static bool request(struct conn *c, const struct http_request *h)
{
	struct bank_request q;
	const char *why = NULL;
	int status = 0;

	c->continued = false;
	switch (api_read(h, c->host->o->field, &q, &status, &why)) {
	case API_PAYMENT:
		return payment(c, &q, h->keep);
	case API_HEALTH:
		c->last = !h->keep;
		http_write(&c->out, 200, "{}", 2, h->keep, false);
		return conn_push(c);
	case API_WRONG:
	default:
		c->last = !h->keep;
		api_write_error(&c->out, status, why, h->keep);
		return conn_push(c);
	}
}

static bool go_on(struct conn *c)
{
	static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (c->continued)
		return true;
	c->continued = true;
	buf_adds(&c->out, go);
	return conn_push(c);
}

/* What has come in, as far as it is whole. False: the connection is no more. */
static bool requests(struct conn *c)
{
	while (c->in.len && !c->silent && !c->last && !loop_timer_armed(&c->later)) {
		struct http_request h;
		int status;
		int64_t used = http_read(c->in.data, c->in.len, &h, &status);

		if (used == 0)
			return h.expect ? go_on(c) : true;
		if (used < 0) {
			c->last = true;
			buf_reset(&c->in);
			api_write_error(&c->out, status, "this is not a request", false);
			return conn_push(c);
		}
		if (!request(c, &h))
			return false;
		if (c->in.len) /* a connection that fell silent has forgotten them */
			buf_drop_front(&c->in, (size_t)used);
	}
	return true;
}

static void answer_now(struct conn *c)
{
	loop_timer_cancel(c->host->loop, &c->later);
	c->held_by = NO_RULE;
	buf_add(&c->out, c->held.data, c->held.len);
	buf_reset(&c->held);
	if (conn_push(c))
		requests(c);
}

static void later(struct loop_timer *t, int64_t now)
{
	(void)now;
	answer_now(OWNER_OF(struct conn, later, t));
}

static void conn_ready(struct loop_fd *fd, uint32_t events)
{
	struct conn *c = OWNER_OF(struct conn, fd, fd);
	char bytes[16384];
	ssize_t n;

	if (events & EPOLLOUT && !conn_push(c))
		return;
	n = recv(fd->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || c->in.len > HTTP_HEAD_MAX + HTTP_BODY_MAX) {
		conn_free(c);
		return;
	}
	if (c->silent)
		return;
	buf_add(&c->in, bytes, (size_t)n);
	requests(c);
}

/* 10.77.0.N and fd77::N are node N-1. */
static int node_of(const struct sockaddr_in6 *a)
{
	const uint8_t *b = a->sin6_addr.s6_addr;

	if (a->sin6_family == AF_INET)
		return (int)(ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) &
			     0xff) - 1;
	return IN6_IS_ADDR_V4MAPPED(&a->sin6_addr) ? b[15] - 1 : (b[14] << 8 | b[15]) - 1;
}

static void door_ready(struct loop_fd *fd, uint32_t events)
{
	struct host *h = OWNER_OF(struct host, door, fd);
	struct sockaddr_in6 from = { 0 };
	socklen_t len = sizeof(from);
	struct conn *c;
	int s = accept4(fd->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int one = 1;

	(void)events;
	if (s < 0)
		return;
	if (h->conns_count == CONNS_MAX) {
		close(s);
		return;
	}
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c = xcalloc(1, sizeof(*c));
	c->host = h;
	c->fd = (struct loop_fd){ .fd = s, .ready = conn_ready };
	c->later.fire = later;
	c->held_by = c->silent_by = NO_RULE;
	c->from = node_of(&from);
	c->next = h->conns;
	c->link = &h->conns;
	if (c->next)
		c->next->link = &c->next;
	h->conns = c;
	h->conns_count++;
	loop_fd_set(h->loop, &c->fd, EPOLLIN);
}

/* ---- orders ---- */

/* What it held back is said now; who was left in silence is told that nobody is there. */
static void heal(struct host *h, unsigned rule, bool down)
{
	struct conn *next;

	for (struct conn *c = h->conns; c; c = next) {
		next = c->next;
		if (c->silent && c->silent_by == rule && down)
			conn_reset(c);
		else if (c->held_by == rule)
			answer_now(c);
	}
}

static int order(void *arg, const void *message, size_t len)
{
	struct host *h = arg;
	const struct bank_order *o = message;
	const struct bank_rule *r;
	bool down;
	int err;

	if (len != sizeof(*o))
		return -EINVAL;
	if (o->kind == ORDER_RULE_ADD)
		return rules_add(&h->rules, &o->rule);
	if (o->kind != ORDER_RULE_DEL)
		return 0;
	r = rules_get(&h->rules, o->id);
	down = r && r->effect == BANK_DOWN;
	err = rules_del(&h->rules, o->id);
	if (err == 0)
		heal(h, o->id, down);
	return err;
}

void host_run(struct side_far *far, const int *fds, void *opts)
{
	struct host *h = xcalloc(1, sizeof(*h));

	h->far = far;
	h->loop = side_loop(far);
	h->o = opts;
	h->accounts = accounts_new(tell_record, h);
	h->door = (struct loop_fd){ .fd = fds[0], .ready = door_ready };
	loop_fd_set(h->loop, &h->door, EPOLLIN);
	side_serve(far, order, h);
	while (h->conns)
		conn_free(h->conns);
	accounts_free(h->accounts);
	free(h);
}
