/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A receipt printer: a buffer, a roll of paper. Text goes
 * onto the slip that hangs out of it; a cut ends the slip. Without paper, or
 * with its cover open, it prints nothing more, keeps what it has, and stops
 * reading when its buffer is full, so that its client waits; questions in real
 * time are found in the buffer and answered all the same. When it is put right
 * it goes on where it stopped. Without power it forgets all that.
 *
 * Answers: python-escpos and Epson's reference agree on the bits (see status).
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "counter/room.h"

#define DRAWER_OPEN_NS (300 * NS_PER_MS)

enum { DLE = 0x10, EOT = 0x04, ENQ = 0x05 };

static struct printer *printer_of(struct gadget *g)
{
	return OWNER_OF(struct printer, g, g);
}

/* ---- talking ---- */

static bool halted(const struct printer *p)
{
	return p->paper_end || p->cover_open;
}

/* It prints nothing now. */
static bool stopped(const struct printer *p)
{
	return gadget_dead(&p->g) || halted(p) || p->backlog || p->g.slow || p->g.to_reset;
}

/* DLE EOT n: bits 1 and 4 are always set. */
static uint8_t status(struct printer *p, int n)
{
	bool low = n == 4 && desk_low(p->g.desk, &p->g, !p->paper_end);

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
	bool low = p->automatic && desk_low(p->g.desk, &p->g, !p->paper_end);
	const uint8_t four[] = {
		0x10 | (p->drawer_open ? 0x04 : 0) | (halted(p) ? 0x08 : 0) |
			(p->cover_open ? 0x20 : 0),
		0, (low || p->paper_end ? 0x03 : 0) | (p->paper_end ? 0x0c : 0), 0 };

	if (p->automatic)
		gadget_say(&p->g, four, sizeof(four));
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
			one = desk_low(p->g.desk, &p->g, true) ? 0x03 : 0;
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
	gadget_say(&p->g, &one, 1);
}

/* ---- printing ---- */

/* The first line of a receipt. False: it must wait first. */
static bool begin_receipt(struct printer *p)
{
	int64_t wait;

	if (p->slip.len)
		return true;
	if (!p->begun) {
		p->begun = true;
		p->g.receipts++;
		p->g.lines = 0;
		wait = desk_receipt(p->g.desk, &p->g);
		if (wait > 0) {
			p->g.slow = true;
			loop_timer_at(desk_loop(p->g.desk), &p->g.wake, clock_now() + wait);
		}
	}
	return !p->g.slow;
}

static bool on_line(void *arg, const char *text, size_t len)
{
	struct printer *p = arg;

	if (stopped(p))
		return false;
	if (!p->slip.len && !len && !p->begun)
		return true; /* paper fed before anything is on it */
	if (!begin_receipt(p) || !desk_line(p->g.desk, p))
		return false;
	if (p->slip.len + len < SLIP_TEXT_MAX) {
		buf_add(&p->slip, text, len);
		buf_addc(&p->slip, '\n');
	}
	p->g.lines++;
	desk_printed(p->g.desk, &p->g, text, len);
	return true;
}

static void slip_over(struct printer *p, bool cut)
{
	if (p->slip.len)
		desk_slip(p->g.desk, p, cut);
	buf_reset(&p->slip);
	p->slip_before = p->begun = false;
}

static bool on_cut(void *arg)
{
	struct printer *p = arg;

	if (stopped(p) || (p->begun && !desk_line(p->g.desk, p)))
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
	if (stopped(p))
		return false;
	switch (desk_drawer(p->g.desk, &p->g)) {
	case DRAWER_STAYS_SHUT:
		return true;
	case DRAWER_STAYS_OPEN:
		p->drawer_stuck = true;
		break;
	default:
		break;
	}
	p->drawer_open = true;
	if (!p->drawer_stuck)
		loop_timer_at(desk_loop(p->g.desk), &p->drawer, clock_now() + DRAWER_OPEN_NS);
	desk_pulse(p->g.desk, p);
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

	while (i + 3 <= p->g.in.len) {
		const uint8_t *b = (const uint8_t *)p->g.in.data + i;

		if (b[0] != DLE || (b[1] != EOT && b[1] != ENQ)) {
			i++;
			continue;
		}
		if (b[1] == EOT)
			on_ask(p, ASK_REAL_TIME, b[2]);
		memmove(p->g.in.data + i, p->g.in.data + i + 3, p->g.in.len - i - 3);
		p->g.in.len -= 3;
	}
	p->looked = i;
}

static void work(struct gadget *g)
{
	struct printer *p = printer_of(g);
	struct escpos_out out = out_of(p);
	size_t used;

	if (g->silent)
		buf_reset(&g->in);
	if (g->in.len && !gadget_dead(g)) {
		used = escpos_feed(&p->mind, &out, (const uint8_t *)g->in.data, g->in.len);
		buf_drop_front(&g->in, used);
		p->looked = p->looked > used ? p->looked - used : 0;
		if (g->in.len && !g->to_reset)
			real_time(p);
	}
	if (g->to_reset)
		gadget_reset(g);
	if (g->unplugged && line_is(&g->line))
		gadget_power(g, false, NULL); /* the wire is not asked: it is out at once */
	gadget_watch(g);
}

static void gone(struct gadget *g)
{
	struct printer *p = printer_of(g);

	p->cut_here = false;
	p->automatic = 0;
	p->slip_before = p->slip.len > 0;
}

/* ---- what happens to it ---- */

static void last(struct gadget *g)
{
	slip_over(printer_of(g), false);
}

static void right(struct gadget *g)
{
	struct printer *p = printer_of(g);

	p->paper_end = p->cover_open = p->backlog = g->deep = false;
	if (p->drawer_stuck)
		p->drawer_stuck = p->drawer_open = false;
	g->stopped_by = UINT32_MAX;
	say_automatic(p);
	work(g);
}

static void off(struct gadget *g)
{
	struct printer *p = printer_of(g);

	p->looked = 0;
	p->backlog = g->deep = false;
	escpos_off(&p->mind);
	if (p->slip.len)
		desk_gone(g->desk, g);
	slip_over(p, false);
}

struct gadget *printer_new(void)
{
	static const struct gadget_kind kind = { .work = work, .gone = gone, .off = off,
						 .right = right, .last = last };
	struct printer *p = xcalloc(1, sizeof(*p));

	p->g.kind = &kind;
	p->drawer.fire = shut;
	return &p->g;
}
