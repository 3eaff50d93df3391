/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A receipt printer on the network: one client at a time,
 * a buffer of 4 KiB, a roll of paper. Text goes onto the slip that hangs out
 * of it; a cut ends the slip. Without paper, or with its cover open, it prints
 * nothing more, keeps what it has, and stops reading when its buffer is full,
 * so that its client waits; questions in real time are found in the buffer and
 * answered all the same. When it is put right it goes on where it stopped.
 * Without power it forgets all that.
 *
 * Answers: python-escpos and Epson's reference agree on the bits (see status).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "counter/room.h"

#define OWNER_OF(type, member, p) ((type *)(void *)((char *)(p) - offsetof(type, member)))
#define BUFFER ((size_t)4096)
#define DRAWER_OPEN_NS (300 * NS_PER_MS)

enum { DLE = 0x10, EOT = 0x04, ENQ = 0x05, DC4 = 0x14 };

/* ---- talking ---- */

static bool dead(const struct printer *p)
{
	return p->off || p->unplugged;
}

static void watch(struct printer *p)
{
	struct loop *l = desk_loop(p->desk);
	bool room = p->in.len < BUFFER && !dead(p);

	if (p->conn.fd >= 0)
		loop_fd_set(l, &p->conn, (room ? EPOLLIN : 0) |
			    (p->out.len && !dead(p) ? EPOLLOUT : 0));
	loop_fd_set(l, &p->door, p->conn.fd < 0 && !dead(p) ? EPOLLIN : 0);
}

static void say(struct printer *p, const uint8_t *bytes, size_t len)
{
	if (p->conn.fd < 0 || dead(p) || p->silent || p->out.len > BUFFER)
		return;
	buf_add(&p->out, bytes, len);
	while (p->out.len) {
		ssize_t n = send(p->conn.fd, p->out.data, p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n <= 0)
			break;
		buf_drop_front(&p->out, (size_t)n);
	}
}

static bool halted(const struct printer *p)
{
	return p->paper_end || p->cover_open;
}

/* DLE EOT n: bits 1 and 4 are always set. */
static uint8_t status(struct printer *p, int n)
{
	bool low = n == 4 && desk_low(p->desk, p, true);

	switch (n) {
	case 1:
		return 0x12 | (p->drawer_open ? 0x04 : 0) | (halted(p) ? 0x08 : 0);
	case 2:
		return 0x12 | (p->cover_open ? 0x04 : 0) | (p->paper_end ? 0x20 : 0);
	case 4:
		return 0x12 | (low || p->paper_end ? 0x0c : 0) | (p->paper_end ? 0x60 : 0);
	default:
		return 0x12;
	}
}

static void say_automatic(struct printer *p)
{
	bool low = p->automatic && desk_low(p->desk, p, true);
	const uint8_t four[] = {
		0x10 | (p->drawer_open ? 0x04 : 0) | (halted(p) ? 0x08 : 0) |
			(p->cover_open ? 0x20 : 0),
		0, (low || p->paper_end ? 0x03 : 0) | (p->paper_end ? 0x0c : 0), 0 };

	if (p->automatic)
		say(p, four, sizeof(four));
}

static void on_ask(void *arg, enum escpos_ask what, int n)
{
	struct printer *p = arg;
	uint8_t one = 0;

	switch (what) {
	case ASK_REAL_TIME:
		one = status(p, n);
		break;
	case ASK_STATUS:
		if (n == 1 || n == '1')
			one = desk_low(p->desk, p, true) ? 0x03 : 0;
		else
			one = p->drawer_open;
		break;
	case ASK_AUTOMATIC:
		p->automatic = (uint8_t)n;
		say_automatic(p);
		return;
	case ASK_IDENTITY:
		one = 0x20;
		break;
	default:
		return;
	}
	say(p, &one, 1);
}

/* ---- printing ---- */

static void wake(struct loop_timer *t, int64_t now)
{
	struct printer *p = OWNER_OF(struct printer, wake, t);

	(void)now;
	p->slow = false;
	printer_work(p);
}

/* The first line of a receipt. False: it must wait first. */
static bool begin_receipt(struct printer *p)
{
	int64_t wait;

	if (p->slip.len)
		return true;
	if (!p->begun) {
		p->begun = true;
		p->receipts++;
		p->lines = 0;
		wait = desk_receipt(p->desk, p);
		if (wait > 0) {
			p->slow = true;
			loop_timer_at(desk_loop(p->desk), &p->wake, clock_now() + wait);
		}
	}
	return !p->slow;
}

static bool on_line(void *arg, const char *text, size_t len)
{
	struct printer *p = arg;

	if (dead(p) || halted(p) || p->slow || (!p->slip.len && !len && !p->begun))
		return !dead(p) && !halted(p) && !p->slow; /* paper fed before anything is on it */
	if (!begin_receipt(p) || !desk_line(p->desk, p))
		return false;
	if (p->slip.len + len < SLIP_TEXT_MAX) {
		buf_add(&p->slip, text, len);
		buf_addc(&p->slip, '\n');
	}
	p->lines++;
	desk_printed(p->desk, p, text, len);
	return true;
}

static void slip_over(struct printer *p, bool cut)
{
	if (p->slip.len)
		desk_slip(p->desk, p, cut);
	buf_reset(&p->slip);
	p->slip_before = p->begun = false;
}

static bool on_cut(void *arg)
{
	struct printer *p = arg;

	if (dead(p) || halted(p) || p->slow || (p->begun && !desk_line(p->desk, p)))
		return false;
	slip_over(p, true);
	p->cut_here = true;
	return true;
}

static void shut(struct loop_timer *t, int64_t now)
{
	struct printer *p = OWNER_OF(struct printer, drawer, t);

	(void)now;
	p->drawer_open = false;
	say_automatic(p);
}

static bool on_pulse(void *arg, int pin)
{
	struct printer *p = arg;

	(void)pin; /* one drawer hangs on both */
	if (dead(p) || halted(p) || p->slow)
		return false;
	p->drawer_open = true;
	loop_timer_at(desk_loop(p->desk), &p->drawer, clock_now() + DRAWER_OPEN_NS);
	desk_pulse(p->desk, p);
	say_automatic(p);
	return true;
}

/* What an earlier client left uncut is torn off by whoever wants a clean beginning. */
static void on_begin(void *arg)
{
	struct printer *p = arg;

	if (p->slip_before)
		slip_over(p, false);
}

static struct escpos_out out_of(struct printer *p)
{
	return (struct escpos_out){ .arg = p, .line = on_line, .cut = on_cut, .pulse = on_pulse,
				    .ask = on_ask, .begin = on_begin };
}

/* Questions in real time behind what cannot be printed now: answered and taken out. */
static void real_time(struct printer *p)
{
	size_t i = p->looked;

	while (i + 3 <= p->in.len) {
		const uint8_t *b = (const uint8_t *)p->in.data + i;

		if (b[0] != DLE || (b[1] != EOT && b[1] != ENQ)) {
			i++;
			continue;
		}
		if (b[1] == EOT)
			on_ask(p, ASK_REAL_TIME, b[2]);
		memmove(p->in.data + i, p->in.data + i + 3, p->in.len - i - 3);
		p->in.len -= 3;
	}
	p->looked = i;
}

void printer_work(struct printer *p)
{
	struct escpos_out out = out_of(p);
	size_t used;

	if (p->silent)
		buf_reset(&p->in);
	if (p->in.len && !dead(p)) {
		used = escpos_feed(&p->mind, &out, (const uint8_t *)p->in.data, p->in.len);
		buf_drop_front(&p->in, used);
		p->looked = p->looked > used ? p->looked - used : 0;
		if (p->in.len)
			real_time(p);
	}
	watch(p);
}

/* ---- clients ---- */

void printer_hang_up(struct printer *p, bool reset)
{
	struct linger now = { .l_onoff = 1 };

	if (p->conn.fd < 0)
		return;
	loop_fd_set(desk_loop(p->desk), &p->conn, 0);
	if (reset)
		setsockopt(p->conn.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(p->conn.fd);
	p->conn.fd = -1;
	p->silent = p->cut_here = false;
	p->automatic = 0;
	p->slip_before = p->slip.len > 0;
	buf_reset(&p->out);
	watch(p);
}

/* A client that is gone leaves its bytes behind: they are printed when they can be. */
static void conn_ready(struct loop_fd *fd, uint32_t events)
{
	struct printer *p = OWNER_OF(struct printer, conn, fd);
	char bytes[BUFFER];
	ssize_t n;

	if (events & EPOLLOUT)
		say(p, NULL, 0);
	n = recv(fd->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		watch(p);
		return;
	}
	if (n <= 0) {
		printer_hang_up(p, false);
		return;
	}
	if (p->silent)
		desk_swallowed(p->desk, p);
	buf_add(&p->in, bytes, (size_t)n);
	printer_work(p);
}

static void door_ready(struct loop_fd *fd, uint32_t events)
{
	struct printer *p = OWNER_OF(struct printer, door, fd);
	int s = accept4(fd->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (s < 0)
		return;
	p->conn.fd = s;
	p->told_silent = false;
	switch (desk_connect(p->desk, p)) {
	case WELCOME_BUSY:
		printer_hang_up(p, true);
		return;
	case WELCOME_SILENT:
		p->silent = true;
		break;
	default:
		break;
	}
	watch(p);
}

void printer_open(struct printer *p, struct desk *d, unsigned node, int door)
{
	*p = (struct printer){ .desk = d, .node = node, .stopped_by = UINT32_MAX };
	p->door = (struct loop_fd){ .fd = door, .ready = door_ready };
	p->conn = (struct loop_fd){ .fd = -1, .ready = conn_ready };
	p->wake.fire = wake;
	p->drawer.fire = shut;
	watch(p);
}

/* ---- what happens to it ---- */

void printer_tear(struct printer *p)
{
	slip_over(p, false);
}

void printer_right(struct printer *p)
{
	p->paper_end = p->cover_open = false;
	p->stopped_by = UINT32_MAX;
	say_automatic(p);
	printer_work(p);
}

/* Whoever waits at the door is thrown out, unheard: the wire takes nothing from here now. */
static void empty_queue(struct printer *p)
{
	struct linger now = { .l_onoff = 1 };
	int s;

	while ((s = accept4(p->door.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(s);
	}
}

void printer_power(struct printer *p, bool on)
{
	if (on) {
		p->off = p->unplugged = false;
		watch(p);
		return;
	}
	p->off = true;
	printer_hang_up(p, true);
	empty_queue(p);
	loop_timer_cancel(desk_loop(p->desk), &p->wake);
	p->slow = false;
	p->looked = 0;
	buf_reset(&p->in);
	escpos_off(&p->mind);
	slip_over(p, false);
	watch(p);
}
