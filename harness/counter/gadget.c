/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. What all devices share: one client at a time, over a
 * connection or a line, a buffer of 4 KiB for what it sends, power. Whoever
 * cannot go on leaves bytes in the buffer; when that is full nothing more is
 * read, so the client waits.
 *
 * On a line, whoever has the file open is the client: it comes with the first
 * open and is gone with the last close. What a device says when nobody has the
 * file open is lost, and so is what a client has not read when it closes. A
 * device that is pulled out of USB hangs up; one at a port that is built in
 * merely goes deaf.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "counter/room.h"

#define DEEP_BUFFER ((size_t)1 << 20)

static bool wired(const struct gadget *g)
{
	return !line_is(&g->line);
}

bool gadget_dead(const struct gadget *g)
{
	return g->off || g->unplugged;
}

static bool client(const struct gadget *g)
{
	return g->conn.fd >= 0 && (wired(g) || g->line.open);
}

/* At a port that is built in, what is sent to a device without power is lost. */
static bool deaf(const struct gadget *g)
{
	return gadget_dead(g) && !wired(g);
}

void gadget_watch(struct gadget *g)
{
	struct loop *l = desk_loop(g->desk);
	size_t most = g->deep ? DEEP_BUFFER : GADGET_BUFFER;
	bool room = g->in.len < most && (!gadget_dead(g) || deaf(g)) &&
		    !(g->stalled && g->told_silent);

	if (g->conn.fd >= 0)
		loop_fd_set(l, &g->conn, !client(g) ? 0 : (room ? EPOLLIN : 0) |
			    (g->out.len && !gadget_dead(g) ? EPOLLOUT : 0));
	if (wired(g))
		loop_fd_set(l, &g->door, (g->conn.fd < 0 || desk_alone(g->desk, g)) &&
			    !gadget_dead(g) ? EPOLLIN : 0);
}

void gadget_say(struct gadget *g, const void *bytes, size_t len)
{
	if (!client(g) || gadget_dead(g) || g->silent || g->out.len > GADGET_BUFFER)
		return;
	buf_add(&g->out, bytes, len);
	if (len)
		desk_garble(g->desk, g, false, g->out.data + g->out.len - len, len);
	while (g->out.len) {
		ssize_t n = write(g->conn.fd, g->out.data, g->out.len);

		if (n <= 0)
			break;
		buf_drop_front(&g->out, (size_t)n);
	}
}

/* ---- clients ---- */

static void replug(struct gadget *g)
{
	loop_fd_set(desk_loop(g->desk), &g->conn, 0);
	line_unplug(&g->line, desk_home(g->desk), g->conn.fd);
	g->conn.fd = line_plug(&g->line, desk_home(g->desk), desk_inotify(g->desk));
}

void gadget_hang_up(struct gadget *g, bool reset)
{
	struct linger now = { .l_onoff = 1 };

	if (g->conn.fd < 0)
		return;
	g->silent = g->stalled = false;
	if (wired(g)) {
		loop_fd_set(desk_loop(g->desk), &g->conn, 0);
		if (reset)
			setsockopt(g->conn.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(g->conn.fd);
		g->conn.fd = -1;
	} else if (reset) {
		return; /* nobody can be thrown off a line: it is heard again */
	}
	buf_reset(&g->out);
	g->kind->gone(g);
	gadget_watch(g);
}

/* Nobody has it open now. */
static void line_left(struct gadget *g)
{
	if (line_flush(&g->line, desk_home(g->desk)) == -EBUSY)
		replug(g);
}

static void line_closed(struct gadget *g)
{
	g->line.open = false;
	gadget_hang_up(g, false);
	line_left(g);
}

/* A client that is gone leaves its bytes behind: they are dealt with when they can be. */
static void conn_ready(struct loop_fd *fd, uint32_t events)
{
	struct gadget *g = OWNER_OF(struct gadget, conn, fd);
	char bytes[GADGET_BUFFER];
	ssize_t n;

	if (events & EPOLLOUT)
		gadget_say(g, NULL, 0);
	if (events & EPOLLHUP)
		buf_reset(&g->out);
	if (!(fd->events & EPOLLIN)) { /* what is there is read when there is room */
		gadget_watch(g);
		return;
	}
	if (g->stalled) { /* there is something, and nobody takes it */
		desk_swallowed(g->desk, g);
		gadget_watch(g);
		return;
	}
	n = read(fd->fd, bytes, sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		gadget_watch(g);
		return;
	}
	if (n <= 0 && wired(g)) {
		gadget_hang_up(g, false);
		return;
	}
	if (n <= 0) {
		line_closed(g);
		return;
	}
	if (deaf(g)) {
		desk_gone(g->desk, g);
		return;
	}
	if (g->silent)
		desk_swallowed(g->desk, g);
	desk_garble(g->desk, g, true, bytes, (size_t)n);
	buf_add(&g->in, bytes, (size_t)n);
	g->kind->work(g);
}

void gadget_welcome(struct gadget *g)
{
	g->silent = g->stalled = false;
	g->told_silent = false;
	switch (desk_connect(g->desk, g)) {
	case WELCOME_BUSY:
		gadget_hang_up(g, true);
		return;
	case WELCOME_SILENT:
		g->silent = true;
		break;
	case WELCOME_STALL:
		g->stalled = true;
		break;
	default:
		break;
	}
	gadget_watch(g);
}

static void door_ready(struct loop_fd *fd, uint32_t events)
{
	struct gadget *g = OWNER_OF(struct gadget, door, fd);
	int s = accept4(fd->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct linger now = { .l_onoff = 1 };

	(void)events;
	if (s < 0)
		return;
	if (g->conn.fd >= 0) {
		if (desk_stranger(g->desk, g))
			setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(s);
		return;
	}
	g->conn.fd = s;
	gadget_welcome(g);
}

void gadget_look(struct gadget *g, bool left)
{
	struct pollfd p = { .fd = g->conn.fd, .events = POLLIN };

	if (g->conn.fd < 0 || g->line.open || poll(&p, 1, 0) < 0)
		return;
	if (p.revents & POLLHUP && !(p.revents & POLLIN)) {
		if (left) /* and nothing was said */
			line_left(g);
		return;
	}
	g->line.open = true;
	if (gadget_dead(g))
		gadget_watch(g);
	else
		gadget_welcome(g);
}

/* ---- power ---- */

static void wake(struct loop_timer *t, int64_t now)
{
	struct gadget *g = OWNER_OF(struct gadget, wake, t);

	(void)now;
	g->slow = false;
	g->kind->work(g);
}

/* Whoever waits at the door is thrown out, unheard: the wire takes nothing from here now. */
static void empty_queue(struct gadget *g)
{
	struct linger now = { .l_onoff = 1 };
	int s;

	while ((s = accept4(g->door.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(s);
	}
}

static int plug(struct gadget *g)
{
	int fd = line_plug(&g->line, desk_home(g->desk), desk_inotify(g->desk));

	if (fd < 0)
		return fd;
	g->conn.fd = fd;
	gadget_watch(g);
	return 0;
}

static void pull(struct gadget *g)
{
	if (g->conn.fd < 0)
		return;
	loop_fd_set(desk_loop(g->desk), &g->conn, 0);
	line_unplug(&g->line, desk_home(g->desk), g->conn.fd);
	g->conn.fd = -1;
	g->silent = g->stalled = false;
	buf_reset(&g->out);
	g->kind->gone(g);
}

int gadget_open(struct gadget *g, int door)
{
	g->stopped_by = UINT32_MAX;
	g->door = (struct loop_fd){ .fd = door, .ready = door_ready };
	g->conn = (struct loop_fd){ .fd = -1, .ready = conn_ready };
	g->wake.fire = wake;
	if (!wired(g))
		return plug(g);
	gadget_watch(g);
	return 0;
}

/* Does it take something from anybody that it goes off now? Not from one who has closed it. */
static bool missed(const struct gadget *g)
{
	struct pollfd p = { .fd = g->conn.fd, .events = POLLIN };

	if (g->in.len)
		return true;
	if (wired(g) || line_stays(&g->line) || g->conn.fd < 0)
		return false;
	return poll(&p, 1, 0) >= 0 && (p.revents & POLLIN || !(p.revents & POLLHUP));
}

static int power_on(struct gadget *g, const char *as)
{
	bool was_off = gadget_dead(g);

	g->off = g->unplugged = false;
	if (!wired(g) && was_off && !line_stays(&g->line)) {
		if (as && *as)
			snprintf(g->line.name, sizeof(g->line.name), "%s", as);
		return g->line.init ? plug(g) : 0;
	}
	gadget_watch(g);
	return 0;
}

/* What it had not dealt with is lost. */
static void forget(struct gadget *g)
{
	loop_timer_cancel(desk_loop(g->desk), &g->wake);
	g->slow = g->to_reset = false;
	buf_reset(&g->in);
	buf_reset(&g->out);
	g->kind->off(g);
	gadget_watch(g);
}

void gadget_reset(struct gadget *g)
{
	if (wired(g))
		gadget_hang_up(g, true);
	forget(g);
}

int gadget_power(struct gadget *g, bool on, const char *as)
{
	if (on)
		return power_on(g, as);
	if (g->off)
		return 0;
	g->off = true;
	g->told_gone = false;
	if (missed(g))
		desk_gone(g->desk, g);
	if (wired(g)) {
		gadget_hang_up(g, true);
		empty_queue(g);
	} else if (!line_stays(&g->line)) {
		pull(g);
	}
	forget(g);
	return 0;
}

int gadget_booted(struct gadget *g, pid_t init)
{
	if (wired(g))
		return 0;
	g->line.init = 0; /* the /dev that it was in is no more */
	pull(g);
	g->line.init = init;
	return gadget_dead(g) && !line_stays(&g->line) ? 0 : plug(g);
}
