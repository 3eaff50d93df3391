/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Each connection is a pair of sockets and two buffers:
 *
 *   browser ── near ═══ to_far ═══► far ── the node's 127.0.0.1:PORT
 *                   ◄══ to_near ═══
 *
 * A side is read from while the other's buffer has room and written to while
 * its own has bytes; an end of file is handed on once the buffer is empty.
 * What fails at either end closes both.
 */
#include "explore/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"
#include "conf/target.h"
#include "stage/stage.h"

#define PIPE_BYTES 65536

struct half {
	char data[PIPE_BYTES];
	size_t from, len;
	bool ended;       /* no more will come */
	bool shut;        /* and that was handed on */
};
struct carried;
struct side {
	struct loop_fd f;  /* first; fd owned */
	struct carried *c;
	struct side *other;
	struct half in;    /* read here, to be written at the other side */
};
struct carried {
	struct carried *next;
	struct publisher *p;
	struct side near, far;
};
struct door {
	struct loop_fd f; /* first; fd borrowed */
	struct publisher *p;
	const struct publish *of;
};
struct publisher {
	struct loop *loop;
	struct stage *st;
	struct door *doors; /* owned */
	size_t count;
	struct carried *all;
};

/* ---- words and sockets ---- */

static bool port_of(const char *text, unsigned least, unsigned *ret)
{
	char *end;
	long n = strtol(text, &end, 10);

	*ret = (unsigned)n;
	return end != text && !*end && n >= (long)least && n <= 65535;
}

/* "127.0.0.1:18080" into an address; only this machine's own. */
static int here(const char *text, struct sockaddr_in *ret, struct err *e)
{
	const char *colon = strrchr(text, ':');
	char address[64];
	unsigned port;

	snprintf(address, sizeof(address), "%.*s", colon ? (int)(colon - text) : 0, text);
	*ret = (struct sockaddr_in){ .sin_family = AF_INET };
	if (!colon || !port_of(colon + 1, 0, &port) ||
	    inet_pton(AF_INET, address, &ret->sin_addr) != 1)
		return err_set(e, EINVAL, "\"%s\" is no ADDRESS:PORT", text);
	if (ntohl(ret->sin_addr.s_addr) >> 24 != 127)
		return err_set(e, EINVAL, "%s: only addresses of loopback (127.0.0.1), lest others "
			       "reach a till that is being broken", address);
	ret->sin_port = htons((uint16_t)port);
	return 0;
}

static int listen_at(struct publish *p, struct sockaddr_in *a, struct err *e)
{
	socklen_t len = sizeof(*a);
	char address[INET_ADDRSTRLEN];
	int on = 1;

	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(p->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (p->fd < 0 || bind(p->fd, (struct sockaddr *)a, sizeof(*a)) < 0 ||
	    listen(p->fd, 64) < 0 || getsockname(p->fd, (struct sockaddr *)a, &len) < 0)
		return err_errno(e, errno, "listening for %s:%u", p->node, p->port);
	inet_ntop(AF_INET, &a->sin_addr, address, sizeof(address));
	snprintf(p->here, sizeof(p->here), "%s:%u", address, ntohs(a->sin_port));
	return 0;
}

int publish_open(struct publish *ret, const char *words, const struct target *t, struct err *e)
{
	cleanup_free char *node = xstrdup(words);
	char *equal = strchr(node, '='), *colon;
	struct sockaddr_in a;
	int r;

	*ret = (struct publish){ .fd = -1 };
	if (equal)
		*equal = '\0';
	colon = strrchr(node, ':');
	if (!colon || !port_of(colon + 1, 1, &ret->port))
		return err_set(e, EINVAL, "\"%s\" is no NODE:PORT[=ADDRESS:PORT]", words);
	*colon = '\0';
	if (!target_node(t, node))
		return err_set(e, EINVAL, "target %s has no node \"%s\"", t->name, node);
	snprintf(ret->node, sizeof(ret->node), "%s", node);
	r = here(equal ? equal + 1 : "127.0.0.1:0", &a, e);
	return r < 0 ? r : listen_at(ret, &a, e);
}

void publish_close(struct publish *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

/* ---- carrying ---- */

static void carried_free(struct carried *c)
{
	struct carried **at = &c->p->all;
	struct side *sides[] = { &c->near, &c->far };

	for (size_t i = 0; i < 2; i++) {
		loop_fd_set(c->p->loop, &sides[i]->f, 0);
		close(sides[i]->f.fd);
	}
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c);
}

/* false: it failed. */
static bool take_in(struct side *s)
{
	struct half *h = &s->in;
	ssize_t n;

	if (h->ended || h->len)
		return true;
	n = recv(s->f.fd, h->data, sizeof(h->data), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	h->from = 0;
	h->len = (size_t)n;
	h->ended = n == 0;
	return true;
}

static bool put_out(struct side *s)
{
	struct half *h = &s->other->in; /* what is to be written here */
	ssize_t n = 0;

	if (h->len)
		n = send(s->f.fd, h->data + h->from, h->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
	h->from += (size_t)n;
	h->len -= (size_t)n;
	if (h->ended && !h->len && !h->shut) {
		h->shut = true;
		shutdown(s->f.fd, SHUT_WR);
	}
	return true;
}

static void watch(struct side *s)
{
	uint32_t want = 0;

	if (!s->in.ended && !s->in.len)
		want |= EPOLLIN;
	if (s->other->in.len)
		want |= EPOLLOUT;
	loop_fd_set(s->c->p->loop, &s->f, want);
}

static void on_side(struct loop_fd *f, uint32_t events)
{
	struct side *s = (struct side *)f;
	struct carried *c = s->c;
	bool good = !(events & EPOLLERR);

	if (good && events & (EPOLLIN | EPOLLHUP))
		good = take_in(s);
	if (good && events & EPOLLOUT)
		good = put_out(s);
	if (good)
		good = put_out(s->other);
	if (!good || (c->near.in.shut && c->far.in.shut)) {
		carried_free(c);
		return;
	}
	watch(&c->near);
	watch(&c->far);
}

static int to_node(struct door *d)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)d->of->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = stage_socket(d->p->st, d->of->node, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static void on_door(struct loop_fd *f, uint32_t events)
{
	struct door *d = (struct door *)f;
	int near = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int far = near < 0 ? -1 : to_node(d);
	struct carried *c;

	(void)events;
	if (far < 0) {
		if (near >= 0)
			close(near);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->p = d->p;
	c->near = (struct side){ .f = { .fd = near, .ready = on_side }, .c = c, .other = &c->far };
	c->far = (struct side){ .f = { .fd = far, .ready = on_side }, .c = c, .other = &c->near };
	c->next = d->p->all;
	d->p->all = c;
	watch(&c->near);
	watch(&c->far);
}

struct publisher *publisher_new(struct loop *loop, struct stage *st, const struct publish *p,
				size_t count)
{
	struct publisher *all = xcalloc(1, sizeof(*all));

	*all = (struct publisher){ .loop = loop, .st = st, .count = count };
	all->doors = xcalloc(count + 1, sizeof(*all->doors));
	for (size_t i = 0; i < count; i++) {
		all->doors[i] = (struct door){ .f = { .fd = p[i].fd, .ready = on_door },
					       .p = all, .of = &p[i] };
		loop_fd_set(loop, &all->doors[i].f, EPOLLIN);
	}
	return all;
}

void publisher_free(struct publisher *p)
{
	if (!p)
		return;
	while (p->all)
		carried_free(p->all);
	for (size_t i = 0; i < p->count; i++)
		loop_fd_set(p->loop, &p->doors[i].f, 0);
	free(p->doors);
	free(p);
}
