/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One connection to the bank, in one language.
 *
 * HTTP has one request at a time; what a client sends behind it waits. Under
 * bank.down such a connection may fall silent: it is read and forgotten, and
 * reset when the bank is up again, as by a host that lost its memory.
 *
 * ISO 8583 has as many at once as its client likes: answers find their requests
 * by their numbers, so one that is late keeps no other waiting, and one that
 * never comes leaves the connection as it is.
 *
 * A client that does not read its answers is hung up on when too many wait.
 */
#include "bank/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define OWNER_OF(type, member, p) ((type *)(void *)((char *)(p) - offsetof(type, member)))
#define UNREAD_MAX ((size_t)1 << 20)
#define HELD_MAX 1024
#define WATCH_NS (INT64_C(5) * NS_PER_S) /* a worker that is so late has other troubles */

/* An answer that waits. */
struct held {
	struct held *next, **link;
	struct conn *conn;
	struct loop_timer later;
	struct buf bytes;
	unsigned by; /* rule; NO_RULE: the worker */
	uint32_t record; /* then: the last one that it must have heard of */
};

struct conn {
	struct loop_fd fd;        /* its descriptor is owned */
	struct host *host;
	struct conn *next, **link;
	struct buf in, out;
	struct held *held;        /* owned */
	unsigned held_count;
	unsigned silent_by;       /* rule; NO_RULE */
	int from;                 /* index of the node; -1 */
	bool iso;
	bool silent, last;        /* says nothing any more; closes after what is in out */
	bool continued;           /* 100 Continue was sent for the request that is coming in */
};

/* How an answer is said: to this message, or as HTTP. */
struct words {
	const struct iso_msg *m; /* NULL: HTTP */
	bool keep;
};

static bool requests(struct conn *c);

/* ---- life ---- */

static void held_free(struct held *h)
{
	loop_timer_cancel(h->conn->host->loop, &h->later);
	*h->link = h->next;
	if (h->next)
		h->next->link = h->link;
	h->conn->held_count--;
	buf_done(&h->bytes);
	free(h);
}

static void conn_free(struct conn *c)
{
	struct host *h = c->host;

	while (c->held)
		held_free(c->held);
	loop_fd_set(h->loop, &c->fd, 0);
	close(c->fd.fd);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	h->conns_count--;
	buf_done(&c->in);
	buf_done(&c->out);
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

		if (n < 0 && (errno == EAGAIN || errno == EINTR) && c->out.len < UNREAD_MAX)
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

/* ---- answers that wait ---- */

static void answer_now(struct held *h)
{
	struct conn *c = h->conn;

	buf_add(&c->out, h->bytes.data, h->bytes.len);
	held_free(h);
	if (conn_push(c))
		requests(c);
}

static void later(struct loop_timer *t, int64_t now)
{
	(void)now;
	answer_now(OWNER_OF(struct held, later, t));
}

/* Takes the bytes. */
static void hold(struct conn *c, struct buf *bytes, unsigned rule, int64_t delay_ns)
{
	struct held *h = xcalloc(1, sizeof(*h));

	h->conn = c;
	h->by = rule;
	h->record = c->host->records;
	h->later.fire = later;
	h->bytes = *bytes;
	*bytes = (struct buf){ 0 };
	h->link = &c->held;
	while (*h->link)
		h->link = &(*h->link)->next;
	*h->link = h;
	c->held_count++;
	loop_timer_at(c->host->loop, &h->later, clock_now() + delay_ns);
}

/* ---- a request ---- */

/* In place of an answer. False: the connection is no more. */
static bool no_answer(struct conn *c, unsigned rule)
{
	const struct bank_rule *r = rules_get(&c->host->rules, rule);

	if (r && !r->silent) {
		conn_reset(c);
		return false;
	}
	if (c->iso)
		return true;
	c->silent = true;
	c->silent_by = rule;
	buf_reset(&c->in);
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
		host_hit(h, f->error, c->from, q, nth, false);
		return;
	}
	if (q->op == BANK_ECHO) {
		*a = (struct bank_answer){ .status = 200, .code = "00" };
		return;
	}
	accounts_do(h->accounts, q, clock_now(), no && no->code[0] ? no->code : NULL, a);
	if (no && q->op == BANK_AUTHORISE && !a->replayed && !strcmp(a->code, no->code))
		host_hit(h, f->decline, c->from, q, nth, false);
}

static void say(struct buf *out, const struct words *w, const struct bank_answer *a)
{
	if (w->m)
		iso_answer(out, w->m, a);
	else
		api_write(out, a, w->keep);
}

/* What was done is said, once or twice, now or later. False: the connection is no more. @before:
 * how many records there were before it was done. */
static bool answer(struct conn *c, const struct words *w, const struct bank_answer *a,
		   const struct fate *f, uint32_t before)
{
	bool waits = c->host->watched && c->host->records != before;
	struct buf bytes = { 0 };

	c->last = !w->keep;
	say(&bytes, w, a);
	if (f->twice != NO_RULE)
		say(&bytes, w, a);
	if (f->slow != NO_RULE || waits) {
		hold(c, &bytes, f->slow, f->slow != NO_RULE ? f->delay_ns : WATCH_NS);
		return true;
	}
	buf_add(&c->out, bytes.data, bytes.len);
	buf_done(&bytes);
	return conn_push(c);
}

/* False: the connection is no more. */
static bool payment(struct conn *c, struct bank_request *q, const struct words *w)
{
	struct host *h = c->host;
	struct bank_answer a;
	uint32_t before = h->records;
	struct fate f;
	uint64_t nth;
	bool approved;

	accounts_reference(h->accounts, q);
	nth = accounts_nth(h->accounts, q->op, q->reference);
	rules_decide(&h->rules, q, c->from, nth, &f);
	if (f.down != NO_RULE) {
		host_hit(h, f.down, c->from, q, nth, false);
		return no_answer(c, f.down);
	}
	do_it(c, q, nth, &f, &a);
	approved = a.state && !strcmp(a.code, "00");
	if (f.drop != NO_RULE) {
		host_hit(h, f.drop, c->from, q, nth, approved);
		return no_answer(c, f.drop);
	}
	if (f.twice != NO_RULE)
		host_hit(h, f.twice, c->from, q, nth, approved);
	if (f.slow != NO_RULE)
		host_hit(h, f.slow, c->from, q, nth, approved);
	return answer(c, w, &a, &f, before);
}

/* ---- HTTP ---- */

static bool http_request(struct conn *c, const struct http_request *h)
{
	struct words w = { .keep = h->keep };
	struct bank_request q;
	const char *why = NULL;
	int status = 0;

	c->continued = false;
	switch (api_read(h, c->host->o->field, &q, &status, &why)) {
	case API_PAYMENT:
		return payment(c, &q, &w);
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

static bool http_requests(struct conn *c)
{
	while (c->in.len && !c->silent && !c->last && !c->held) {
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
		if (!http_request(c, &h))
			return false;
		if (c->in.len) /* a connection that fell silent has forgotten them */
			buf_drop_front(&c->in, (size_t)used);
	}
	return true;
}

/* ---- ISO 8583 ---- */

/* One that makes no sense is answered if its type says that it wants an answer, else it ends the
 * connection: whoever sends that has lost his place. */
static bool iso_message(struct conn *c, struct iso_text text)
{
	struct words w = { .keep = true };
	struct bank_request q;
	struct iso_msg m;
	const char *code;
	unsigned field;
	int bad = iso_read(text, &m, &field);

	if (bad && (field < 2 || !iso_asks(&m))) {
		conn_free(c);
		return false;
	}
	if (!iso_asks(&m))
		return true;
	if (bad) {
		iso_refuse(&c->out, &m, "30");
		return conn_push(c);
	}
	if (iso_request(&m, &c->host->o->iso, &q, &code) == API_WRONG) {
		iso_refuse(&c->out, &m, code);
		return conn_push(c);
	}
	w.m = &m;
	return payment(c, &q, &w);
}

static bool iso_requests(struct conn *c)
{
	size_t at = 0;

	while (c->held_count < HELD_MAX) {
		struct iso_text text;
		int64_t used = iso_frame(c->in.data + at, c->in.len - at, &text);

		if (used < 0) {
			conn_free(c);
			return false;
		}
		if (used == 0) {
			buf_drop_front(&c->in, at);
			return true;
		}
		if (text.len && !iso_message(c, text))
			return false;
		at += (size_t)used;
	}
	conn_free(c);
	return false;
}

/* What has come in, as far as it is whole. False: the connection is no more. */
static bool requests(struct conn *c)
{
	return c->iso ? !c->in.len || iso_requests(c) : http_requests(c);
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

void conn_new(struct host *h, int fd, int from, bool iso)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	c->host = h;
	c->fd = (struct loop_fd){ .fd = fd, .ready = conn_ready };
	c->silent_by = NO_RULE;
	c->from = from;
	c->iso = iso;
	c->next = h->conns;
	c->link = &h->conns;
	if (c->next)
		c->next->link = &c->next;
	h->conns = c;
	h->conns_count++;
	loop_fd_set(h->loop, &c->fd, EPOLLIN);
}

/* ---- what the host does to all of them ---- */

static struct held *held_by(struct host *h, unsigned rule)
{
	for (struct conn *c = h->conns; c; c = c->next)
		for (struct held *w = c->held; w; w = w->next)
			if (w->by == rule)
				return w;
	return NULL;
}

void conns_heal(struct host *h, unsigned rule, bool down)
{
	struct conn *next;
	struct held *waits;

	for (struct conn *c = h->conns; c && down; c = next) {
		next = c->next;
		if (c->silent && c->silent_by == rule)
			conn_reset(c);
	}
	while ((waits = held_by(h, rule)) != NULL)
		answer_now(waits);
}

static struct held *watched(struct host *h, uint32_t record)
{
	for (struct conn *c = h->conns; c; c = c->next)
		for (struct held *w = c->held; w; w = w->next)
			if (w->by == NO_RULE && w->record <= record)
				return w;
	return NULL;
}

void conns_go(struct host *h, uint32_t record)
{
	struct held *waits;

	while ((waits = watched(h, record)) != NULL)
		answer_now(waits);
}

void conns_free(struct host *h)
{
	while (h->conns)
		conn_free(h->conns);
}
