/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The node's range of ephemeral ports is narrowed to
 * WINDOW ports, and each of them is bound by a socket of ours: connect() passes
 * over a port that somebody has bound, so it ends with EADDRNOTAVAIL, and
 * bind() to port 0 with EADDRINUSE. UDP has ports of its own and finds WINDOW
 * free ones. A window is looked for in which nobody has a port, because
 * connections to different peers may share one.
 *
 * No counter of the kernel tells of such a failure and no packet is sent. But
 * when a TCP socket is destroyed the kernel says so to the listeners of
 * SOCK_DIAG, with its addresses: a closed socket that has a peer's address and
 * no port of its own is one whose connect() found none. So a failure is seen
 * when its socket is closed, and one that is tried three times counts once.
 *
 * Needs CAP_NET_ADMIN over the namespace, for the range.
 */
#include "stage/ports.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/loop.h"
#include "stage/room.h"

#define WINDOW 64
#define RANGE "/proc/sys/net/ipv4/ip_local_port_range"
#define CLOSED 7 /* TCP_CLOSE */
#define HEARD_SIZE (1 << 20)

/* A node's ports, for as many activations as overlap there. */
struct port_window {
	struct port_window *next;
	struct stage *stage;
	char node[64];
	unsigned refs;
	int taken[WINDOW];     /* owned; -1: none */
	unsigned low, high;    /* the range as it was */
	unsigned first;        /* the lowest port that is taken */
	bool narrow;           /* the range was changed */
};
struct stage_ports {
	struct stage *stage;
	char node[64];
	struct port_window *window; /* held by refs; NULL: none */
	struct loop *loop;
	struct loop_fd heard;  /* its descriptor is owned */
	void (*fn)(void *arg, const struct ports_failed *f);
	void *arg;
	uint64_t missed;
};

/* ---- the range ---- */

static int range_open(struct port_window *p, int flags)
{
	int net = stage_netns(p->stage, p->node), fd;

	if (net < 0 || (fd = net_enter(p->stage->slot, net)) < 0)
		return net < 0 ? net : fd;
	fd = open(RANGE, flags | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	net_leave(p->stage->slot);
	return fd;
}

static int range_get(struct port_window *p, unsigned *low, unsigned *high)
{
	cleanup_close int fd = range_open(p, O_RDONLY);
	char text[64];
	ssize_t n = fd < 0 ? fd : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return fd < 0 ? fd : -errno;
	text[n] = 0;
	return sscanf(text, "%u %u", low, high) == 2 ? 0 : -EINVAL;
}

static int range_set(struct port_window *p, unsigned low, unsigned high)
{
	cleanup_close int fd = range_open(p, O_WRONLY);
	char text[64];
	int n = snprintf(text, sizeof(text), "%u %u", low, high);

	if (fd < 0)
		return fd;
	return write(fd, text, (size_t)n) == n ? 0 : -errno;
}

/* ---- the ports ---- */

static void give_all(struct port_window *p)
{
	for (unsigned i = 0; i < WINDOW; i++) {
		if (p->taken[i] >= 0)
			close(p->taken[i]);
		p->taken[i] = -1;
	}
}

/* For both versions of IP, or for the one there is. */
static int take_one(struct port_window *p, unsigned port)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int off = 0, fd = stage_socket(p->stage, p->node, AF_INET6, SOCK_STREAM, 0), r;

	if (fd >= 0) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		r = bind(fd, (struct sockaddr *)&a6, sizeof(a6));
	} else {
		fd = stage_socket(p->stage, p->node, AF_INET, SOCK_STREAM, 0);
		if (fd < 0)
			return fd;
		r = bind(fd, (struct sockaddr *)&a4, sizeof(a4));
	}
	if (r == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* The highest WINDOW ports in a row that nobody has. */
static int take_window(struct port_window *p, unsigned *ret_low)
{
	unsigned n = 0;

	for (unsigned port = p->high; port >= p->low; port--) {
		int fd = take_one(p, port);

		if (fd == -EADDRINUSE) {
			give_all(p);
			n = 0;
			continue;
		}
		if (fd < 0)
			return fd;
		p->taken[n++] = fd;
		*ret_low = port;
		if (n == WINDOW)
			return 0;
	}
	return -EADDRINUSE;
}

/* ---- hearing of it ---- */

static void heard_one(struct stage_ports *p, const struct nlmsghdr *h)
{
	struct ports_failed f = { 0 };
	struct inet_diag_msg m;

	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || h->nlmsg_len < NLMSG_LENGTH(sizeof(m)))
		return;
	memcpy(&m, (const char *)h + NLMSG_HDRLEN, sizeof(m));
	if (m.idiag_state != CLOSED || m.id.idiag_sport || m.id.idiag_dport)
		return;
	f.v6 = m.idiag_family == AF_INET6;
	memcpy(f.addr, m.id.idiag_dst, f.v6 ? 16 : 4);
	for (unsigned i = 0; i < sizeof(f.addr); i++)
		if (f.addr[i]) {
			p->fn(p->arg, &f);
			return;
		}
}

static void hear(struct stage_ports *p)
{
	union {
		struct nlmsghdr h;
		char bytes[8192];
	} b;
	ssize_t n;

	while ((n = recv(p->heard.fd, &b, sizeof(b), MSG_DONTWAIT)) > 0 || errno == EINTR ||
	       errno == ENOBUFS) {
		p->missed += n < 0 && errno == ENOBUFS;
		if (n >= NLMSG_HDRLEN && b.h.nlmsg_len <= (size_t)n) /* one to a datagram */
			heard_one(p, &b.h);
		errno = 0;
	}
}

static void on_heard(struct loop_fd *f, uint32_t events)
{
	(void)events;
	hear((struct stage_ports *)(void *)((char *)f - offsetof(struct stage_ports, heard)));
}

static int listen_to(struct stage_ports *p)
{
	static const int groups[] = { SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY };
	/* Bound, because an unbound one has the kernel's own number and so hears nothing of it. */
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int size = HEARD_SIZE;

	p->heard.fd = stage_socket(p->stage, p->node, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
	if (p->heard.fd < 0)
		return p->heard.fd;
	p->heard.ready = on_heard;
	setsockopt(p->heard.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(p->heard.fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++)
		if (setsockopt(p->heard.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			return -errno;
	return loop_fd_set(p->loop, &p->heard, EPOLLIN);
}

/* ---- the whole ---- */

static int window_open(struct stage *st, const char *node, struct port_window **ret)
{
	struct port_window *w = st->windows;
	int r;

	while (w && strcmp(w->node, node) != 0)
		w = w->next;
	*ret = w;
	if (w) {
		w->refs++;
		return 0;
	}
	*ret = w = xcalloc(1, sizeof(*w));
	*w = (struct port_window){ .stage = st, .refs = 1, .next = st->windows };
	st->windows = w;
	snprintf(w->node, sizeof(w->node), "%s", node);
	memset(w->taken, 0xff, sizeof(w->taken));
	r = range_get(w, &w->low, &w->high);
	return r < 0 ? r : take_window(w, &w->first);
}

static int window_narrow(struct port_window *w)
{
	int r = w->narrow ? 0 : range_set(w, w->first, w->first + WINDOW - 1);

	w->narrow |= r == 0;
	return r;
}

/* The last one gives the range back; the ports go with window_close. */
static int window_widen(struct port_window *w)
{
	return w && w->refs == 1 && w->narrow ? range_set(w, w->low, w->high) : 0;
}

static void window_close(struct port_window *w)
{
	struct port_window **at;

	if (!w || --w->refs)
		return;
	give_all(w);
	for (at = &w->stage->windows; *at != w; at = &(*at)->next)
		;
	*at = w->next;
	free(w);
}

int stage_ports_take(struct stage *st, const char *node, struct loop *loop,
		     void (*fn)(void *arg, const struct ports_failed *f), void *arg,
		     struct stage_ports **ret, struct err *e)
{
	struct stage_ports *p = xcalloc(1, sizeof(*p));
	int r;

	assert(fn && loop);
	*p = (struct stage_ports){ .stage = st, .loop = loop, .fn = fn, .arg = arg,
				   .heard.fd = -1 };
	snprintf(p->node, sizeof(p->node), "%s", node);
	*ret = p;
	r = window_open(st, node, &p->window);
	if (r == 0)
		r = listen_to(p);
	if (r < 0)
		return err_errno(e, -r, "taking the ports of %s", node);
	r = window_narrow(p->window);
	return r < 0 ? err_errno(e, -r, "narrowing the port range of %s", node) : 0;
}

int stage_ports_give(struct stage_ports *p, uint64_t *ret_missed, struct err *e)
{
	int r;

	*ret_missed = 0;
	if (!p)
		return 0;
	r = window_widen(p->window);
	if (p->heard.fd >= 0) {
		hear(p);
		loop_fd_set(p->loop, &p->heard, 0);
		close(p->heard.fd);
	}
	window_close(p->window);
	*ret_missed = p->missed;
	free(p);
	return r < 0 ? err_errno(e, -r, "giving the ports back") : 0;
}
