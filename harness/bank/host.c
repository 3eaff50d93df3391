/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The process that is the bank. One loop:
 *
 *   connect ─► bytes ─► http_read ─► api_read ────► rules_decide ─► accounts_do ─► answer
 *                  └──► iso_read ──► iso_request ┘      │                           │
 *                                                       └── down, error: nothing done
 *                                                           drop: done, no answer ──┘
 *                                                           slow: done, answer later
 *
 * What happens to money is told to the worker before the answer leaves, so the
 * ledger never knows less than a till. Both languages speak of the same
 * payments and meet the same faults. Connections: conn.c.
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
#include "base/side.h"
#include "ledger/ledger.h"

#define OWNER_OF(type, member, p) ((type *)(void *)((char *)(p) - offsetof(type, member)))
#define CONNS_MAX 4096

/* ---- telling the worker ---- */

static void put(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static void tell_record(void *arg, const struct bank_rec *r)
{
	struct host *h = arg;
	struct bank_news n = { .kind = NEWS_RECORD };

	n.record.number = ++h->records;
	n.record.t_ns = r->t_ns;
	n.record.amount = r->amount;
	put(n.record.what, sizeof(n.record.what), r->what);
	put(n.record.key, sizeof(n.record.key), r->key);
	put(n.record.tid, sizeof(n.record.tid), r->tid);
	put(n.record.stan, sizeof(n.record.stan), r->stan);
	put(n.record.rrn, sizeof(n.record.rrn), r->rrn);
	put(n.record.currency, sizeof(n.record.currency), r->currency);
	side_tell(h->far, &n, sizeof(n));
}

void host_hit(struct host *h, unsigned rule, int from, const struct bank_request *q,
	      uint64_t nth, bool approved)
{
	const struct bank_rule *r = rules_get(&h->rules, rule);
	struct bank_news n = { .kind = NEWS_HIT };

	if (!r)
		return;
	n.hit = (struct bank_hit){ .t_ns = clock_now(), .rule = rule, .op = q->op, .nth = nth,
				   .effect = r->effect, .from = from, .approved = approved };
	memcpy(n.hit.code, r->code, sizeof(n.hit.code));
	memcpy(n.hit.reference, q->reference, sizeof(n.hit.reference));
	side_tell(h->far, &n, sizeof(n));
}

/* ---- doors ---- */

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
	struct door *d = OWNER_OF(struct door, fd, fd);
	struct sockaddr_in6 from = { 0 };
	socklen_t len = sizeof(from);
	int s = accept4(fd->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int one = 1;

	(void)events;
	if (s < 0)
		return;
	if (d->host->conns_count == CONNS_MAX) {
		close(s);
		return;
	}
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	conn_new(d->host, s, node_of(&from), d->iso);
}

static void doors_open(struct host *h, const int *fds)
{
	for (unsigned i = 0, n = 0; i < 2; i++) {
		if (!h->o->speaks[i])
			continue;
		h->doors[i] = (struct door){ .fd = { .fd = fds[n++], .ready = door_ready },
					     .host = h, .iso = i == 1 };
		loop_fd_set(h->loop, &h->doors[i].fd, EPOLLIN);
	}
}

/* ---- orders ---- */

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
	if (o->kind == ORDER_WATCH)
		h->watched = o->id;
	if (o->kind == ORDER_WATCH || o->kind == ORDER_GO)
		conns_go(h, o->kind == ORDER_GO ? o->id : UINT32_MAX);
	if (o->kind != ORDER_RULE_DEL)
		return 0;
	r = rules_get(&h->rules, o->id);
	down = r && r->effect == BANK_DOWN;
	err = rules_del(&h->rules, o->id);
	if (err == 0)
		conns_heal(h, o->id, down);
	return err;
}

void host_run(struct side_far *far, const int *fds, void *opts)
{
	struct host *h = xcalloc(1, sizeof(*h));

	h->far = far;
	h->loop = side_loop(far);
	h->o = opts;
	h->accounts = accounts_new(tell_record, h);
	doors_open(h, fds);
	side_serve(far, order, h);
	conns_free(h);
	accounts_free(h->accounts);
	free(h);
}
