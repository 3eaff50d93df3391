/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_COUNTER_ROOM_H
#define WD_COUNTER_ROOM_H

/*
 * What the files of this room share; nobody else includes it.
 *
 *   escpos.c    what the bytes mean; no I/O
 *   printer.c   one printer: paper, cover, drawer, the receipt under way
 *   desk.c      the process: where clients connect, faults, orders
 *   counter.c   the worker's end
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "counter/counter.h"
#include "counter/escpos.h"

struct regex;
struct side_far;

#define WD_DEVICES_MAX 128
#define SLIP_TEXT_MAX ((size_t)64 << 10)

enum counter_order_kind { ORDER_RULE_ADD = 1, ORDER_RULE_DEL, ORDER_SYNC, ORDER_LAST, ORDER_ON,
	ORDER_OFF, ORDER_RIGHT };
struct counter_order {
	uint32_t kind, id;
	struct counter_rule rule;
};
enum counter_news_kind { NEWS_SLIP = 1, NEWS_PULSE, NEWS_HIT };
/** struct counter_news - what the process tells. A slip's text follows it. */
struct counter_news {
	uint32_t kind, node;
	int64_t t_ns;
	bool cut;
	bool with_last;  /* pulse: it belongs to the slip before; else to the next one */
	struct counter_hit hit;
};

struct desk;
/** struct printer - a device; lives in the process. */
struct printer {
	struct desk *desk;
	unsigned node;
	struct loop_fd door;     /* where clients connect */
	struct loop_fd conn;     /* the one client it listens to; fd -1: none */
	struct loop_timer wake;  /* slow: goes on then */
	struct loop_timer drawer;/* pushed shut */
	struct escpos mind;
	struct buf in, out;      /* not printed yet; not sent yet */
	size_t looked;           /* bytes of `in` searched for questions in real time */
	struct buf slip;         /* what hangs out of the printer */
	uint64_t receipts, lines, connections;
	bool begun;              /* a receipt is under way, or waits to be */
	bool slip_before;        /* the slip was begun by an earlier client */
	bool told_silent;        /* the hit of this silent client was told */
	unsigned silent_by;      /* rule */
	bool cut_here;           /* this client has cut a receipt */
	bool off, unplugged;     /* no power; told so, and waiting for the worker */
	bool silent, slow;       /* this client gets nothing; waits for `wake` */
	bool paper_end, cover_open, drawer_open;
	unsigned stopped_by;     /* rule that took the paper or opened the cover */
	uint8_t automatic;       /* GS a */
	bool picked[COUNTER_RULES_MAX]; /* rules that this receipt will meet */
	bool passed[COUNTER_RULES_MAX]; /* ... and their place has come */
};

/* ---- counter.c ---- */

/** paper_amount - "1.234,56" as printed: its digits are minor units; INT64_MIN: no amount. */
int64_t paper_amount(const char *text);

/* ---- printer.c ---- */

void printer_open(struct printer *p, struct desk *d, unsigned node, int door);
/** printer_bytes - whatever is in p->in and can be printed now. */
void printer_work(struct printer *p);
void printer_power(struct printer *p, bool on);
/** printer_hang_up - the client is gone, or is thrown out. */
void printer_hang_up(struct printer *p, bool reset);
/** printer_tear - what hangs out was never cut: tell it. */
void printer_tear(struct printer *p);
/** printer_right - paper and cover are in order again. */
void printer_right(struct printer *p);

/* ---- desk.c: what faults say ---- */

struct loop *desk_loop(struct desk *d);
/** desk_receipt - one begins: which rules will it meet? Fills picked. ret: how long to wait. */
int64_t desk_receipt(struct desk *d, struct printer *p);
/** desk_line - may the next line be printed? @text: the one before, NULL: none. */
bool desk_line(struct desk *d, struct printer *p);
void desk_printed(struct desk *d, struct printer *p, const char *text, size_t len);
/** desk_low - does its paper look low? @told: somebody is told so now. */
bool desk_low(struct desk *d, struct printer *p, bool told);
enum welcome { WELCOME, WELCOME_SILENT, WELCOME_BUSY };
enum welcome desk_connect(struct desk *d, struct printer *p);
void desk_swallowed(struct desk *d, struct printer *p);
void desk_slip(struct desk *d, struct printer *p, bool cut);
void desk_pulse(struct desk *d, struct printer *p);
/** desk_run - fds: the doors, in the order of `nodes`. */
void desk_run(struct side_far *far, const int *fds, void *opts);
struct desk_opts {
	unsigned nodes[WD_DEVICES_MAX];
	unsigned count;
};

#endif
