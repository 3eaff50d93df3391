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
 * One packet per read, as the TUN driver has it, with the virtio header in
 * front, which is handed on unchanged. A ready queue is drained up to BURST
 * packets before the next has its turn, so one busy node cannot starve the
 * others. A write goes straight into the receiver's stack and does not wait.
 * What is addressed to no node here (multicast, any outside address) is
 * dropped and counted as sent by its node.
 *
 * No memory is allocated after the start.
 */
#include "wire/room.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/pass.h"

#define BURST 64
#define EVENTS_MAX 64
#define HEADER sizeof(struct virtio_net_hdr)
#define FRAME_MAX (HEADER + 65535 + 512)

struct sw {
	int ep, ctl;
	struct wire_shared *shared;
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

/* One packet from node `from`. Returns false when its queue is empty. */
static bool forward_one(struct sw *s, unsigned from)
{
	struct wire_port *port = &s->shared->port[from];
	ssize_t n = read(s->queue[from], s->frame, FRAME_MAX);
	int to;

	if (n < 0)
		return errno == EINTR;
	if ((size_t)n <= HEADER)
		return true;
	count(&port->packets, 1);
	count(&port->bytes, (uint64_t)n - HEADER);
	to = switch_dest(s->frame + HEADER, (size_t)n - HEADER);
	if (to < 0 || s->queue[to] < 0 || write(s->queue[to], s->frame, (size_t)n) != n)
		count(&port->dropped, 1);
	return true;
}

static void drain(struct sw *s, unsigned from)
{
	for (int i = 0; i < BURST && s->queue[from] >= 0; i++)
		if (!forward_one(s, from))
			return;
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

/* Returns false when the worker is gone. */
static bool obey(struct sw *s)
{
	struct wire_order o = { 0 };
	int fd, r;
	ssize_t n = pass_recv(s->ctl, &o, sizeof(o), &fd, 1, 0);

	if (n != (ssize_t)sizeof(o))
		return n == -EINTR;
	if (o.index >= WIRE_NODES_MAX)
		r = -EINVAL;
	else
		r = o.op == WIRE_ADD ? port_add(s, o.index, fd) : port_del(s, o.index);
	return send(s->ctl, &r, sizeof(r), MSG_NOSIGNAL) == (ssize_t)sizeof(r);
}

static bool serve(struct sw *s)
{
	struct epoll_event ev[EVENTS_MAX];
	int n = epoll_wait(s->ep, ev, EVENTS_MAX, -1);

	for (int i = 0; i < n; i++) {
		if (ev[i].data.u32 < WIRE_NODES_MAX)
			drain(s, ev[i].data.u32);
		else if (!obey(s))
			return false;
	}
	return n >= 0 || errno == EINTR;
}

void switch_run(int ctl, struct wire_shared *shared)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = WIRE_NODES_MAX };
	struct sw s = { .ctl = ctl, .shared = shared };

	for (unsigned i = 0; i < WIRE_NODES_MAX; i++)
		s.queue[i] = -1;
	s.frame = xmalloc(FRAME_MAX);
	s.ep = epoll_create1(EPOLL_CLOEXEC);
	if (s.ep < 0 || epoll_ctl(s.ep, EPOLL_CTL_ADD, ctl, &ev) < 0)
		return;
	while (serve(&s))
		;
}
