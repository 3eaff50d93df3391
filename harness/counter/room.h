/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_COUNTER_ROOM_H
#define WD_COUNTER_ROOM_H

/*
 * What the files of this room share; nobody else includes it.
 *
 *   escpos.c    what the bytes mean; no I/O
 *   gadget.c    what all devices share: their client, their power
 *   line.c      the serial line that one may hang on: a file in a node's /dev
 *   scanner.c   one scanner, and the hand that holds things in front of it
 *   printer.c   one printer: paper, cover, drawer, the receipt under way
 *   desk.c      the process: faults, orders
 *   counter.c   the worker's end
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/loop.h"
#include "conf/target.h"
#include "counter/counter.h"
#include "counter/escpos.h"

struct regex;
struct side_far;

#define WD_DEVICES_MAX 512
#define CODE_MAX 64
#define SLIP_TEXT_MAX ((size_t)64 << 10)
#define GADGET_BUFFER ((size_t)4096)
#define OWNER_OF(type, member, p) ((type *)(void *)((char *)(p) - offsetof(type, member)))

enum counter_order_kind { ORDER_RULE_ADD = 1, ORDER_RULE_DEL, ORDER_SYNC, ORDER_LAST, ORDER_ON,
	ORDER_OFF, ORDER_RIGHT, ORDER_BOOTED, ORDER_WATCH };
struct counter_order {
	uint32_t kind, id;
	int32_t pid;                  /* booted: the init of the node it stands at */
	char as[SERIAL_NAME_MAX + 1]; /* on: its name in /dev from now on; "": as it was */
	struct counter_rule rule;
};
enum counter_news_kind { NEWS_SLIP = 1, NEWS_PULSE, NEWS_HIT, NEWS_PRINTED };
/** struct counter_news - what the process tells. The text of a slip or line follows it. */
struct counter_news {
	uint32_t kind, node;
	int64_t t_ns;
	bool cut;
	bool with_last;  /* pulse: it belongs to the slip before; else to the next one */
	struct counter_hit hit;
};

struct desk;
struct gadget;
/** struct gadget_kind - what is different about one kind of device. All are needed. */
struct gadget_kind {
	/* there is something in g->in, or what stopped it has gone: do what can be done now */
	void (*work)(struct gadget *g);
	void (*gone)(struct gadget *g);  /* its client is */
	void (*off)(struct gadget *g);   /* it has lost its power, and g->in */
	void (*right)(struct gadget *g); /* somebody has put it in order */
	void (*last)(struct gadget *g);  /* the day is over: tell what is not told yet */
};

/** struct line - a serial line: a pty, seen as a file in the /dev of a node. */
struct line {
	char name[SERIAL_NAME_MAX + 1]; /* there, "ttyUSB0"; "": the device hangs on no line */
	char link[80];    /* in /dev/serial/by-id; "": a port that is built in has none */
	pid_t init;       /* whose /dev; 0: that node has no power */
	unsigned slave;   /* its number in /dev/pts */
	int watch;        /* inotify: it was opened, or closed */
	bool open;        /* somebody has it open, or has left something behind */
};

/** struct gadget - what all devices share. Lives in the process; embedded in each kind. */
struct gadget {
	struct desk *desk;
	const struct gadget_kind *kind;
	unsigned node;
	struct loop_fd door;     /* where clients connect; fd -1: it hangs on a line */
	struct loop_fd conn;     /* the one client it listens to, or the line; fd -1: none */
	struct line line;
	struct loop_timer wake;  /* slow: goes on then */
	struct buf in, out;      /* not dealt with yet; not sent yet */
	uint64_t receipts, lines, connections;
	uint64_t heard, said, strangers, pulses;
	bool told_silent;        /* the hit of this silent client was told */
	bool told_gone;          /* ... that its being off has taken something */
	unsigned silent_by;      /* rule */
	bool off, unplugged;     /* no power; told so, and waiting for the worker */
	bool silent, stalled;    /* this client gets nothing; is not even read */
	bool slow, deep;         /* waits for `wake`; its buffer has no end that matters */
	bool to_reset;           /* it forgets everything, as soon as nobody looks at g->in */
	unsigned stopped_by;     /* rule that took the paper or opened the cover */
	bool picked[COUNTER_RULES_MAX]; /* rules that this receipt will meet */
	bool passed[COUNTER_RULES_MAX]; /* ... and their place has come */
};

/** struct printer - with its drawer. */
struct printer {
	struct gadget g;
	struct loop_timer drawer;/* pushed shut */
	struct escpos mind;
	size_t looked;           /* bytes of `in` searched for questions in real time */
	struct buf slip;         /* what hangs out of the printer */
	bool begun;              /* a receipt is under way, or waits to be */
	bool slip_before;        /* the slip was begun by an earlier client */
	bool cut_here;           /* this client has cut a receipt */
	bool paper_end, cover_open, backlog, drawer_open, drawer_stuck;
	uint8_t automatic;       /* GS a */
};

/* ---- counter.c ---- */

/** paper_amount - "1.234,56" as printed: its digits are minor units; INT64_MIN: no amount. */
int64_t paper_amount(const char *text);

/* ---- gadget.c ---- */

/** gadget_open - @door: where clients connect, or -1 when it hangs on g->line. 0 or -errno. */
int gadget_open(struct gadget *g, int door);
/** gadget_dead - it has no power: nobody hears or sees anything of it. */
bool gadget_dead(const struct gadget *g);
/** gadget_watch - to be called when g->in or g->out have changed. */
void gadget_watch(struct gadget *g);
/** gadget_say - to its client, if it has one that it talks to. */
void gadget_say(struct gadget *g, const void *bytes, size_t len);
/** gadget_welcome - its client is new, or rules are: what will it meet? */
void gadget_welcome(struct gadget *g);
/** gadget_reset - it starts anew: what it had is forgotten, a client on the wire thrown out. */
void gadget_reset(struct gadget *g);
/** gadget_hang_up - the client is gone, or is thrown out. */
void gadget_hang_up(struct gadget *g, bool reset);
/** gadget_power - @as: on: its name in /dev; "" or NULL: as it was. 0 or -errno. */
int gadget_power(struct gadget *g, bool on, const char *as);
/** gadget_look - has somebody opened its line? @left: somebody who might write has closed it. */
void gadget_look(struct gadget *g, bool left);
/** gadget_booted - the node it stands at has a new /dev. 0 or -errno. */
int gadget_booted(struct gadget *g, pid_t init);

/* ---- line.c ---- */

/** line_is - does the device hang on one? */
static inline bool line_is(const struct line *l)
{
	return l->name[0];
}
/** line_stays - is the port built in, so that its file is there whatever the device does? */
static inline bool line_stays(const struct line *l)
{
	return !l->link[0];
}
/** line_plug - make the file. @home: our own mount namespace. The device's end, or -errno. */
int line_plug(struct line *l, int home, int inotify);
/** line_unplug - closes @fd, its end: whoever has the file open sees it hang up. The file goes. */
void line_unplug(struct line *l, int home, int fd);
/** line_flush - what was sent to clients that are gone is not for the next one. -EBUSY: the last
 * one has locked it for good: plug it anew. */
int line_flush(const struct line *l, int home);

/* ---- scanner.c ---- */

#define REQUEST_MAX 2048
/** hand_request - is a whole HTTP request in these bytes (at most REQUEST_MAX)? 1: yes, so long are
 * its head and body; 0: not yet; -errno: nothing that can become one. Pure. */
int hand_request(const char *text, size_t len, size_t *ret_head, size_t *ret_body);
/** scanner_new - @door: where hands come, listening. */
struct gadget *scanner_new(struct loop *l, int door);
/** barcode_label - @code as it stands on an article: 7, 11 or 12 digits get their check digit.
 * Into ret, @size at least strlen(code) + 2. Pure. */
void barcode_label(const char *code, char *ret, size_t size);

/* ---- printer.c ---- */

/** printer_new - not plugged in yet. */
struct gadget *printer_new(void);

/* ---- desk.c: what faults say ---- */

struct loop *desk_loop(struct desk *d);
/** desk_home, desk_inotify - our mount namespace; where opened lines are heard of. */
int desk_home(const struct desk *d);
int desk_inotify(const struct desk *d);
/** desk_receipt - one begins: which rules will it meet? Fills picked. ret: how long to wait. */
int64_t desk_receipt(struct desk *d, struct gadget *g);
/** desk_line - may the next line be printed? */
bool desk_line(struct desk *d, struct printer *p);
void desk_printed(struct desk *d, struct gadget *g, const char *text, size_t len);
/** desk_low - does its paper look low? @told: somebody is told so now. */
bool desk_low(struct desk *d, struct gadget *g, bool told);
enum welcome { WELCOME, WELCOME_SILENT, WELCOME_STALL, WELCOME_BUSY };
enum welcome desk_connect(struct desk *d, struct gadget *g);
/** desk_alone - does it want one client only, and throw others out? */
bool desk_alone(struct desk *d, const struct gadget *g);
/** desk_stranger - another one has come: is it thrown out? */
bool desk_stranger(struct desk *d, struct gadget *g);
/** desk_garble - on their way to it, or from it. */
void desk_garble(struct desk *d, struct gadget *g, bool heard, char *bytes, size_t len);
enum drawer { DRAWER_OPENS, DRAWER_STAYS_SHUT, DRAWER_STAYS_OPEN };
enum drawer desk_drawer(struct desk *d, struct gadget *g);
/** desk_scan - a code is read: what of it is told, into ret (CR behind it; twice, perhaps). */
size_t desk_scan(struct desk *d, struct gadget *g, const char *code, char *ret, size_t size);
void desk_swallowed(struct desk *d, struct gadget *g);
/** desk_gone - it has no power, and somebody has lost something by that. */
void desk_gone(struct desk *d, struct gadget *g);
void desk_slip(struct desk *d, struct printer *p, bool cut);
void desk_pulse(struct desk *d, struct printer *p);
/** desk_run - fds: the doors of those devices that have one, in the order of `device`. */
void desk_run(struct side_far *far, const int *fds, void *opts);
struct desk_device {
	unsigned node;
	int kind;            /* enum device_kind */
	bool door;           /* there is a socket for it */
	char serial[SERIAL_NAME_MAX + 1]; /* "": it hangs on no line */
	char id[48];         /* unique on its node: "printer" */
	pid_t init;          /* of the node it stands at */
};
struct desk_opts {
	struct desk_device device[WD_DEVICES_MAX];
	unsigned count;
};

#endif
